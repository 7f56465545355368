"""IDOL with ResNet-50, as published for OVIS."""

from ml_collections import ConfigDict

from ovis_jax.configs.parts.data import detr_crops
from ovis_jax.configs.parts.run import run
from ovis_jax.configs.parts.tracker import bisoftmax


def idol_r50() -> ConfigDict:
    """IDOL, ResNet-50, frames whose shorter side has 720 pixels, 25 categories: a whole one."""
    config = run(model(), capacity())
    config.data.update(image_scale=(1333, 720), reference_window=10, inclusive_boxes=False)
    config.data.resize.update(fit="short_side", resampling="pillow", axis_scales=True)
    config.data.augment.update(detr_crops())
    config.data.augment.sizes = tuple((1333, side) for side in range(480, 801, 32))
    config.train.update(
        optimizer="adamw",
        learning_rate=1e-4,
        second_moment=0.999,
        weight_decay=1e-4,
        clip_norm=0.01,
        num_steps=12000,
        warmup_steps=10,
        warmup_factor=1.0,
        drops=(8 / 12,),
        slowed=(("backbone", 0.1),),
        frozen=("backbone/stem", "backbone/stage1", "backbone/stage*/block*/*/norm"),
    )
    return config


def capacity() -> ConfigDict:
    """Sizes of the padded records."""
    return ConfigDict(
        dict(
            instances=40,  # annotated objects a frame
            detections=100,  # queries above the score threshold
            tracks=256,  # that can still be continued
        )
    )


def model() -> ConfigDict:
    """Keyword arguments of each part's module."""
    return ConfigDict(
        dict(
            system="idol",
            num_classes=25,
            dtype="float32",
            rematerialise=False,  # compute activations twice, for less memory
            backbone=dict(name="resnet", depth=50, norm="frozen_batch", width=64, frozen_stages=1),
            neck=dict(extra_levels=1),  # after C5
            transformer=dict(
                num_queries=300,
                channels=256,
                num_layers=6,
                num_heads=8,
                num_points=4,
                feedforward=1024,
                dropout=0.1,  # in training
            ),
            head=dict(num_features=8, hidden=(8, 8)),  # of the networks that draw masks
            # Weights of the losses; and how many best overlaps say how many queries an object has,
            # and how many of the reference frame are too near it to be compared.
            criterion=dict(
                classes=2.0,
                box=5.0,
                giou=2.0,
                mask=2.0,
                dice=5.0,
                contrast=2.0,
                cosine=3.0,
                positives=10,
                near=100,
            ),
            selection=dict(
                score_threshold=0.1,  # of the best class of a query
                box_nms=0.9,  # within a class
                mask_nms=0.3,  # of all classes
            ),
            predictions=dict(
                class_threshold=0.05,  # of the mean over a track; one record for each class above
                zero_masks=False,  # or True, as published: empty masks where a track is absent
            ),
            linker="bisoftmax",
            tracker=bisoftmax(),
        )
    )
