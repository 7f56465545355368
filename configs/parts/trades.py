"""TraDeS, as published for frames of 640x352, on DLA-34; or on ResNet-50-FPN.

Its weights want BGR frames; frames stay RGB here: the weight map turns the first convolution.
"""

from ml_collections import ConfigDict

from ovis_jax.configs.parts.run import run

MEAN = (0.47026116, 0.44719303, 0.40789655)  # RGB
STD = (0.27809834, 0.27408165, 0.28863830)


def trades_dla34() -> ConfigDict:
    """TraDeS, DLA-34 with deformable up-sampling, 25 categories: a whole configuration."""
    return _settings(run(model(), capacity()))


def trades_r50() -> ConfigDict:
    """TraDeS, ResNet-50-FPN, 25 categories: a whole configuration."""
    config = resnet_trunk(_settings(run(model(), capacity())))
    config.data.update(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
    config.train.frozen = ("backbone/stem", "backbone/stage1", "backbone/stage*/block*/*/norm")
    return config


def resnet_trunk(config: ConfigDict) -> ConfigDict:
    """A configuration with ResNet-50-FPN in place of DLA-34, of which the finest level is read."""
    config.model.trunk = "resnet"
    config.model.backbone = ConfigDict(
        dict(
            name="resnet",
            depth=50,
            norm="frozen_batch",
            width=64,
            frozen_stages=1,
            stride_in_1x1=False,
        )
    )
    config.model.neck = ConfigDict(dict(channels=64, norm="none", first_level=2, extra_convs=0))
    return config


def _settings(config: ConfigDict) -> ConfigDict:
    """Data and optimisation as published, of a run of any length."""
    config.data.update(
        image_scale=(640, 352),  # width and height of the canvas
        mean=tuple(255 * x for x in MEAN),
        std=tuple(255 * x for x in STD),
        inclusive_boxes=False,
        reference_window=4,
    )
    config.data.resize.fit = "centered"
    config.data.clip.allow_same = True
    config.data.augment.warp.scales = (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)
    config.data.augment.colors.update(brightness=0.4, contrast=0.4, saturation=0.4, lighting=0.1)
    config.train.update(
        batch_size=32,
        num_epochs=16,
        optimizer="adamw",
        learning_rate=1.25e-4 * 16 / 32,  # 1.25e-4 at 32 pairs a step
        warmup_steps=0,
        drops=(9 / 16,),
        second_moment=0.999,
        weight_decay=0.0,
        clip_norm=1e9,  # as published: none
        frozen=(),
    )
    return config


def capacity() -> ConfigDict:
    """Sizes of the padded records."""
    return ConfigDict(
        dict(
            instances=50,  # annotated objects a frame
            detections=100,  # peaks of a frame, before and after suppression, as published
            tracks=512,  # identities whose embeddings are kept
        )
    )


def model() -> ConfigDict:
    """Keyword arguments of each part's module."""
    return ConfigDict(
        dict(
            system="trades",
            num_classes=25,
            dtype="float32",
            rematerialise=False,  # compute activations twice, for less memory
            trunk="dla",  # or "resnet": backbone and neck are then those of the other systems
            backbone=dict(
                width=16,
                norm="batch",  # or "group", "frozen_batch", "none"; so everywhere below
                group_rows=0,  # frames that share the statistics of a norm; 0: those of a device
            ),
            neck=dict(
                deformable=True,  # or False: plain convolutions
                norm="batch",
                group_rows=0,
            ),
            motion=dict(
                channels=128,  # of embeddings and differences
                num_blocks=4,
                temperature=5.0,  # factor on the maxima of the cost volume
                norm="batch",  # "group" wants `data.clip.allow_same=False`; see docs/trades.md
                group_rows=0,
            ),
            center=dict(channels=256),
            seg=dict(num_features=8, hidden=(8, 8), channels=256, norm="batch", group_rows=0),
            noise=dict(  # of the heat map of the previous frame, in training
                jitter=0.05,  # deviation of centres, in sides of the box
                lost=0.4,  # probability that an object is not drawn
                false_positive=0.1,  # probability that it is drawn twice
                false_jitter=0.05,
            ),
            detect=dict(
                score_threshold=0.05,
                nms_iou=0.7,  # of boxes of any class
                heat_score=0.5,  # of tracks that draw the heat map
            ),
            weights=dict(size_weight=0.1, motion_weight=0.5),  # of losses
            tracker=dict(min_iou=0.05, min_cosine=0.3, max_age=20, update=0.1),
        )
    )
