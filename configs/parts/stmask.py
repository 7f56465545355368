"""STMask with ResNet-50-FPN and deformable convolutions, as published for 640x360 frames."""

from ml_collections import ConfigDict

from ovis_jax.configs.parts.run import run
from ovis_jax.training.schedule import FULL_SCHEDULE_BATCH

PUBLISHED_BATCH = 8  # pairs a step, that the published learning rate and schedule are for


def stmask_r50() -> ConfigDict:
    """STMask, ResNet-50-FPN, 640x360, 25 categories: a whole configuration."""
    config = run(model(), capacity())
    in_pairs(config)
    config.data.resize.update(fit="exact", axis_scales=True)
    config.train.update(
        learning_rate=1e-4 * FULL_SCHEDULE_BATCH / PUBLISHED_BATCH,
        batch_size=PUBLISHED_BATCH,
        warmup_steps=0,
        drops=(75 / 125, 100 / 125),
        clip_norm=1e9,  # as published: none
        frozen=("backbone/stem/norm", "backbone/stage*/block*/*/norm"),
    )
    return config


def in_pairs(config: ConfigDict) -> None:
    """Clips of two frames in the order of time, both with masks."""
    config.data.reference_window = 2
    config.data.clip.update(mask_frames=2, in_order=True)


def with_r101(config: ConfigDict) -> None:
    """The published model with ResNet-101, "STMask_plus_base"."""
    config.model.backbone.update(depth=101, deformable_every=3)


def capacity() -> ConfigDict:
    """Sizes of the padded records."""
    return ConfigDict(
        dict(
            instances=40,  # annotated objects a frame
            candidates=200,  # that enter suppression: as published, of each class or of all
            detections=100,  # as published per class; across classes as many as `candidates`
            positives=400,  # anchors of a frame that masks, embeddings and shifts are trained at
            tracks=256,
        )
    )


def model() -> ConfigDict:
    """Keyword arguments of each part's module."""
    return ConfigDict(
        dict(
            system="stmask",
            num_classes=25,
            num_prototypes=32,
            dtype="float32",
            rematerialise=False,  # compute activations twice, for less memory
            backbone=dict(
                name="resnet",
                depth=50,
                norm="frozen_batch",
                width=64,
                frozen_stages=-1,
                deformable_every=2,  # of the stages after the first; ResNets alone have such blocks
            ),
            neck=dict(
                channels=256,
                norm="none",
                first_level=3,
                extra_convs=2,
                bilinear=True,
                rectified=True,
            ),
            anchors=dict(
                channels=256,
                tower_convs=2,
                embedding_size=128,
                class_alignment="none",  # or "ada", "ali": FCB
                centerness_order="by_shape",  # as published weights need it; or "by_cell"
            ),
            prototypes=dict(channels=256, num_convs=3),
            shift=dict(
                channels=512,
                boxes_in_cells=True,  # or False: as the authors' models before 27 June 2021
            ),
            detect=dict(
                score_threshold=0.05,
                nms_iou=0.5,
                suppression="per_class",  # mAP* of the published tables; or "across_classes": mAP
            ),
            thresholds=dict(positive=0.5, negative=0.4, crowded=0.45),
            anchor_losses=dict(
                classes=6.125, box=5.0, centerness=20.0, negatives=3, shifted_weights=True
            ),
            pair_losses=dict(mask=6.125, track=5.0, box_shift=5.0, mask_shift=6.125, group_clips=1),
            tracker=dict(
                mask_weight=1.0,
                box_weight=2.0,
                new_mask_iou=0.3,
                new_box_iou=0.3,
                decay=0.95,
                max_age=10,
                min_score=0.05,
                min_cells=1,
            ),
        )
    )
