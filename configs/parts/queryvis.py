"""QueryVIS with ResNet-50-FPN: QueryInst, as published for images, with a track head.

How the published model was trained on video is not known; the optimisation here is that of
QueryInst on COCO ("1x").
"""

from ml_collections import ConfigDict

from ovis_jax.configs.parts.run import run
from ovis_jax.configs.parts.tracker import cues


def queryvis_r50() -> ConfigDict:
    """QueryVIS, ResNet-50-FPN, 640x360, 25 categories: a whole configuration."""
    config = run(model(), capacity())
    config.data.inclusive_boxes = False
    config.data.resize.axis_scales = True
    config.train.update(
        optimizer="adamw",
        learning_rate=2.5e-5,
        second_moment=0.999,
        warmup_steps=1000,
        warmup_factor=1 / 1000,
        clip_norm=1.0,
    )
    return config


def capacity() -> ConfigDict:
    """Sizes of the padded records."""
    return ConfigDict(
        dict(
            instances=40,  # annotated objects a frame
            detections=100,
            tracks=256,
        )
    )


def model() -> ConfigDict:
    """Keyword arguments of each part's module."""
    return ConfigDict(
        dict(
            system="queryvis",
            num_classes=25,
            dtype="float32",
            rematerialise=False,  # compute activations twice, for less memory
            backbone=dict(name="resnet", depth=50, norm="frozen_batch", width=64, frozen_stages=1),
            neck=dict(channels=256, norm="none"),
            num_stages=6,
            queries=dict(num_queries=100, channels=256),  # as many channels as the neck has
            stage=dict(num_heads=8, hidden=64, feedforward=2048, class_layers=1, box_layers=3),
            mask=dict(
                channels=256,
                num_convs=4,
                hidden=64,
                norm="batch",  # or "frozen_batch", "group", "none"
                group_rows=0,  # frames whose objects share statistics; 0: those of a device
            ),
            track=dict(
                kind="vanilla",  # RoIs of the final boxes; or "query", "dynamic"
                channels=1024,
                hidden=64,  # of "dynamic"
            ),
            # Of the losses; those of classes and boxes also of the costs in the assignment.
            weights=dict(classes=2.0, box=5.0, giou=2.0, mask=8.0),
            predictions=dict(
                score_threshold=0.1,
                single_label=True,  # a query is one object; or False: one for each class
            ),
            linker="cues",  # or "iou"
            tracker=cues(),
        )
    )
