"""Defaults that every set-up starts from: MaskTrack R-CNN with ResNet-50-FPN on OVIS."""

from ml_collections import ConfigDict

from ovis_jax.training.schedule import FULL_SCHEDULE_BATCH


def masktrack_rcnn_r50() -> ConfigDict:
    """MaskTrack R-CNN, ResNet-50-FPN, 640x360, 25 categories; unlocked."""
    config = ConfigDict()
    config.seed = 0
    config.matmul_precision = (
        "highest"  # of float32: exact; or "high", "default": as fast as can be
    )
    config.data = data()
    config.capacity = capacity()
    config.model = model()
    config.train = train()
    config.predict = predict()
    return config


def data() -> ConfigDict:
    """Where the frames are and how they become batches."""
    return ConfigDict(
        dict(
            train_annotations="data/ovis/annotations_train.json",
            train_images="data/ovis/train",
            train_records="",  # folder of a built data set, read instead of the two above
            train_split="train",  # of it
            halved_decoding=False,  # of large training frames: faster, not quite the same pixels
            eval_annotations="data/ovis/annotations_valid.json",
            eval_images="data/ovis/valid",
            image_scale=(640, 360),  # longer and shorter side that a resized frame fits into
            pad_multiple=32,
            mean=(123.675, 116.28, 103.53),  # RGB
            std=(58.395, 57.12, 57.375),
            flip_probability=0.5,
            clip=clip(),
            reference_sampling="window",  # or "video": any other annotated frame
            reference_window=5,  # frames on either side
            image_share=0.0,  # of clips made from still images among all clips; 0: video only
            pseudo_video=pseudo_video(),
        )
    )


def clip() -> ConfigDict:
    """The frames of a training clip, of which the first is the query frame."""
    return ConfigDict(
        dict(
            num_frames=2,
            mask_frames=1,  # frames whose masks are loaded, from the first on
            others="references",  # or "run", "reference_run"; see `ovis_jax.data.clip_frames`
            stride=1.0,  # frames from one frame of a run to the next
        )
    )


def pseudo_video() -> ConfigDict:
    """Still images that are moved to look like video; used if `config.data.image_share` is not 0.

    Motions are drawn uniformly from both sides of 0, for the first and the last frame on their own.
    """
    return ConfigDict(
        dict(
            annotations="data/coco/annotations/instances_train2017.json",
            images="data/coco/train2017",
            categories=(),  # (name of the images, name of the videos) pairs; (): the common map
            min_pixels=16,  # visible ones from which on an object counts in a frame
            motion=dict(
                rotation=12.0,  # degrees
                shear=5.0,  # degrees
                translation=0.1,  # of width and height
                scale=0.2,  # factor from 1 / 1.2 to 1.2
                perspective=0.08,  # of width and height, each corner
            ),
            pasting=dict(
                probability=0.0,  # that objects of other images are pasted over those of a clip
                max_objects=3,
                size=(0.7, 1.4),  # relative to the side of the object that is hidden
                travel=1.0,  # way during the clip, relative to the sides of the hidden object
            ),
        )
    )


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
            backbone=dict(depth=50, norm="frozen_batch", width=64, frozen_stages=1),
            neck=dict(channels=256, norm="none"),
            rpn=dict(
                channels=256, anchor_scale=8.0, anchor_ratios=(0.5, 1.0, 2.0), num_samples=256
            ),
            box=dict(channels=1024, num_samples=512, max_positive=128, score_threshold=0.05),
            mask=dict(channels=256, num_convs=4, norm="none"),
            track=dict(channels=1024),
            calibration=None,
        )
    )


def calibration() -> ConfigDict:
    """Temporal feature calibration as published; goes to `config.model.calibration`."""
    return ConfigDict(
        dict(
            compare="correlation",  # or "difference", "query", "addition"
            displacements=16,
            dilation=2,
            kernel_size=1,
            channels=256,
            num_convs=3,
            init_scale=1.0,
        )
    )


def train() -> ConfigDict:
    """Optimisation; the learning rate belongs to `FULL_SCHEDULE_BATCH` pairs a step."""
    return ConfigDict(
        dict(
            batch_size=FULL_SCHEDULE_BATCH,
            microbatches=1,  # parts of a batch that go through the model one after the other
            num_epochs=12,
            num_steps=0,  # 0: from num_epochs
            optimizer="sgd",  # or "adamw"
            learning_rate=0.005,
            warmup_steps=500,
            warmup_factor=1 / 3,
            schedule="step",  # or "cosine"
            drops=(8 / 12, 11 / 12),  # shares of the run after which the rate falls to a tenth
            momentum=0.9,
            weight_decay=1e-4,
            clip_norm=35.0,
            frozen=(
                "backbone/stem",
                "backbone/stage1",
            ),  # paths of what stays; "*": any part
            slowed=(),  # (parameter path prefix, factor on the learning rate) pairs
            average_decay=0.0,  # of an average of the parameters that predicts; 0: none
            log_every=50,
            evaluate_every=0,  # steps between evaluations during training; 0: none
            checkpoint_every=1000,
            keep_checkpoints=3,
            overlay_every=0,  # steps between image overlays in TensorBoard; 0: none
            init_checkpoint="",  # parameters to start from
            fresh=(),  # parts of the model, such as "calibration", that it does not hold
        )
    )


def predict() -> ConfigDict:
    """Inference and its outputs."""
    return ConfigDict(
        dict(
            reference_window=0,  # frames on either side whose calibrated outputs are averaged
            chunk=4,  # frames encoded together
            overlay_videos=4,
        )
    )
