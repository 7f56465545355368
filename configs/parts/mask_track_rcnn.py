"""MaskTrack R-CNN with ResNet-50-FPN, as published for 640x360 frames."""

from ml_collections import ConfigDict

from ovis_jax.configs.parts.run import run
from ovis_jax.configs.parts.tracker import cues


def mask_track_rcnn_r50() -> ConfigDict:
    """MaskTrack R-CNN, ResNet-50-FPN, 640x360, 25 categories: a whole configuration."""
    return run(model(), capacity())


def capacity() -> ConfigDict:
    """Sizes of the padded records."""
    return ConfigDict(
        dict(
            instances=40,  # annotated objects a frame
            level_proposals=1000,  # before and after NMS, of each pyramid level
            proposals=1000,
            candidates=2000,  # (proposal, class) pairs above the score threshold
            detections=100,
            tracks=256,
        )
    )


def model() -> ConfigDict:
    """Keyword arguments of each part's module."""
    return ConfigDict(
        dict(
            system="mask_track_rcnn",
            num_classes=25,
            inclusive_boxes=True,
            dtype="float32",
            rematerialise=False,  # compute activations again in the backward pass: less memory
            backbone=dict(name="resnet", depth=50, norm="frozen_batch", width=64, frozen_stages=1),
            neck=dict(channels=256, norm="none"),
            rpn=dict(
                channels=256, anchor_scale=8.0, anchor_ratios=(0.5, 1.0, 2.0), num_samples=256
            ),
            box=dict(
                channels=1024,
                num_samples=512,
                max_positive=128,
                score_threshold=0.05,
                nms_across_classes=False,  # as published: a box may be detected once a class
            ),
            mask=dict(channels=256, num_convs=4, norm="none"),
            track=dict(channels=1024, calibrated=False),  # or True: embeds calibrated features
            occlusion=dict(
                occluder=False,  # or True: a branch for what covers an object, like the mask head
                repulsion=0.0,  # factor of the repulsion loss, published 0.5; 0: none
                aggregation=0.0,  # of the aggregation ("compact") loss, published 1; 0: none
                other_sigma=0.9,  # overlap with other objects from which repulsion grows evenly
                pair_sigma=0.0,  # likewise of predictions with each other
                level_loss=0.0,  # of a head that learns the annotated occlusion levels; 0: no head
                level_channels=256,  # of its hidden layer
                level_scores=(1.0, 1.0, 1.0),  # of no, slight, severe: factors of scores
                level_references=0.0,  # how much less a reference weighs where the object is hidden
            ),
            linker="cues",  # or "iou"
            tracker=cues(),
            calibration=None,
        )
    )
