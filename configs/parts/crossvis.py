"""CrossVIS with ResNet-50-FPN, as published for frames whose shorter side has 360 pixels.

Its weights want BGR frames minus a mean, not divided by a deviation, and the stride in the first
1x1 convolutions ("caffe" style). Frames stay RGB here: the weight map turns the first convolution.
"""

from ml_collections import ConfigDict

from ovis_jax.configs.parts.run import run
from ovis_jax.configs.parts.tracker import similarity


def crossvis_r50() -> ConfigDict:
    """CrossVIS, ResNet-50-FPN, 640x360, 25 categories: a whole configuration."""
    config = run(model(), capacity())
    config.data.update(
        mean=(123.675, 116.28, 103.53),  # RGB
        std=(1.0, 1.0, 1.0),
        reference_window=20,
        inclusive_boxes=False,
    )
    config.data.resize.update(fit="short_side", resampling="pillow", axis_scales=True)
    config.data.clip.mask_frames = 2
    config.train.update(
        warmup_steps=1000,
        warmup_factor=1 / 1000,
        drops=(15 / 23, 21 / 23),
        clip_norm=1e9,  # as published: none
        frozen=("backbone/stem", "backbone/stage1", "backbone/stage*/block*/*/norm"),
        undecayed=("**/norm*", "reid/batch_norm"),
    )
    return config


def capacity() -> ConfigDict:
    """Sizes of the padded records."""
    return ConfigDict(
        dict(
            instances=40,  # annotated objects a frame
            level_candidates=1000,  # (point, class) pairs of each pyramid level, as published
            candidates=2000,  # of all levels together, that enter NMS
            detections=100,
            tracks=256,
        )
    )


def model() -> ConfigDict:
    """Keyword arguments of each part's module."""
    return ConfigDict(
        dict(
            system="crossvis",
            num_classes=25,
            num_identities=0,  # those of the training annotations
            dtype="float32",
            rematerialise=False,  # compute activations twice, for less memory
            backbone=dict(
                name="resnet",
                depth=50,
                norm="frozen_batch",
                width=64,
                frozen_stages=1,
                stride_in_1x1=True,
            ),
            neck=dict(channels=256, norm="none", first_level=3, extra_convs=2),
            fcos=dict(
                channels=256,
                class_convs=4,
                box_convs=4,
                radius=1.5,  # of the centre of a mask, in strides
                # Pixels from a point to the farthest side of its box, level by level.
                regress_ranges=((-1, 64), (64, 128), (128, 256), (256, 512), (512, 1e8)),
                focal_alpha=0.25,
                focal_gamma=2.0,
                score_threshold=0.05,  # of class probability times centerness
                nms_iou=0.6,
            ),
            mask=dict(
                num_features=8,
                hidden=(8, 8),
                branch_channels=128,
                branch_convs=4,
                norm="batch",  # or "group", "frozen_batch", "none"
                group_rows=0,  # frames that share the statistics of a norm; 0: those of a device
            ),
            reid=dict(
                channels=256,
                tower_channels=256,
                num_convs=4,
                norm="batch",  # or "none"
                group_rows=0,  # likewise
            ),
            crossover=True,  # or False: masks are drawn in their own frame only
            pyramid_rate=0.1,  # factor on the gradient of everything below the heads
            linker="similarity",  # or "iou"
            tracker=similarity(),
            calibration=None,
        )
    )
