"""SipMask with ResNet-50-FPN, as published for 640x360 frames.

Its weights want BGR frames minus a mean, not divided by a deviation, and the stride in the first
1x1 convolutions ("caffe" style). Frames stay RGB here: the weight map turns the first convolution.
"""

from ml_collections import ConfigDict

from ovis_jax.configs.parts.run import run
from ovis_jax.configs.parts.tracker import cues


def sipmask_r50() -> ConfigDict:
    """SipMask, ResNet-50-FPN, 640x360, 25 categories: a whole configuration."""
    config = run(model(), capacity())
    config.data.update(
        mean=(122.7717, 115.9465, 102.9801),  # RGB
        std=(1.0, 1.0, 1.0),
        reference_sampling="video",
    )
    config.train.update(
        warmup_steps=1000,
        warmup_factor=1 / 80,
        frozen=("backbone/stem", "backbone/stage1", "backbone/stage*/block*/*/norm"),
    )
    return config


def capacity() -> ConfigDict:
    """Sizes of the padded records."""
    return ConfigDict(
        dict(
            instances=40,  # annotated objects a frame
            level_candidates=200,  # points of each pyramid level that become boxes
            class_candidates=200,  # boxes of each class that enter NMS
            detections=10,  # as published for YouTube-VIS; few for crowded frames
            tracks=256,
            positives=256,  # points of an image, finest first, that teach masks and embeddings
        )
    )


def model() -> ConfigDict:
    """Keyword arguments of each part's module."""
    return ConfigDict(
        dict(
            system="sipmask",
            num_classes=25,
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
                class_convs=2,
                box_convs=3,
                align_groups=4,
                radius=1.5,  # of the centre of a box, in strides
                # Pixels from a point to the farthest side of its box, level by level.
                regress_ranges=((-1, 64), (64, 128), (128, 256), (256, 512), (512, 1e8)),
                focal_alpha=0.25,
                focal_gamma=2.0,
                score_threshold=0.03,
                nms_iou=0.5,
            ),
            mask=dict(num_basis=32, channels=512),
            track=dict(channels=512, tower_channels=256, num_convs=2),
            linker="cues",  # or "iou"
            tracker=cues(),
            calibration=None,
            references=dict(  # how the outputs of several calibrated pyramids become one
                average_scores="logits",  # or "probs"
                average_masks="probs",  # or "logits"
                track_calibrated=False,
                basis_calibrated=True,
            ),
        )
    )
