"""STEm-Seg, as published: clips of eight frames on a ResNet with a pyramid."""

from ml_collections import ConfigDict

from ovis_jax.configs.parts import data
from ovis_jax.configs.parts.run import run

SHORTER_SIDE, LONGER_SIDE = 640, 1196
CLIP_FRAMES = 8
NUM_STEPS = 160_000


def stem_seg(depth: int = 101) -> ConfigDict:
    """STEm-Seg, 640x360, 25 categories: a whole configuration.

    Published training also reads Pascal VOC as clips of still images, and moves and colours stills
    in more ways than `config.data.pseudo_video` does.
    """
    config = run(model(depth), capacity())
    config.data.update(
        inclusive_boxes=False,
        mean=(122.7717, 115.9465, 102.9801),
        std=(1.0, 1.0, 1.0),
        flip_probability=0.0,  # as the published code is called for YouTube-VIS
    )
    config.data.resize.update(fit="short_side", axis_scales=True)
    config.data.clip.update(
        num_frames=CLIP_FRAMES,
        mask_frames=CLIP_FRAMES,
        others="run",
        stride=CLIP_FRAMES / (CLIP_FRAMES - 1),  # so many places in one frame more
        in_order=True,
    )
    config.train.update(
        batch_size=2,
        microbatches=2,
        num_steps=NUM_STEPS,
        learning_rate=8e-3,  # of 16 clips; 1e-3 of the published 2
        nesterov=True,
        warmup_steps=0,
        schedule="exponential",
        drops=(60 / 160,),
        clip_norm=1e9,  # as published: none
        frozen=(*config.train.frozen, "backbone/*/*/*/norm"),
    )
    return config


def youtube_vis_2019(depth: int) -> ConfigDict:
    """STEm-Seg for YouTube-VIS 2019: a whole configuration."""
    config = stem_seg(depth)
    config.data.update(data.youtube_vis_2019(), image_scale=(LONGER_SIDE, SHORTER_SIDE))
    config.model.update(num_classes=40, cluster_stride=1, max_tracks=10)
    return config


def capacity() -> ConfigDict:
    """Sizes of the padded records."""
    return ConfigDict(
        dict(
            instances=40,  # annotated objects a frame, and a clip
            tracks=256,  # not read: as many as a clip has clusters are visible at once
        )
    )


def model(depth: int) -> ConfigDict:
    """Keyword arguments of each part's module."""
    return ConfigDict(
        dict(
            system="stem_seg",
            num_classes=25,
            dtype="float32",
            rematerialise=False,  # compute activations twice, for less memory
            backbone=dict(
                name="resnet",
                depth=depth,
                norm="frozen_batch_0",
                width=64,
                frozen_stages=1,
                stride_in_1x1=True,
            ),
            neck=dict(channels=256, norm="none", bilinear=True),
            groups=32,  # of the decoders' norms
            embedding=dict(channels=(256, 256, 128, 128), free_dims=2),
            semantic=dict(channels=(256, 256, 256, 256)),
            clips=dict(num_frames=CLIP_FRAMES, overlap=CLIP_FRAMES // 2),  # of prediction
            cluster_stride=4,  # pixels from cell to cell of what is clustered; or 1
            clustering=dict(
                max_clusters=20,  # of a clip
                min_seediness=0.8,
                threshold=0.5,
                second_threshold=0.3,
                second_pass="farthest",  # as published; or "nearest", "none"
                stale_at_limit=True,  # as published; or False: clusters keep their pixels
            ),
            # Of the pixels of an identity and a cluster that continues it; 0, as published: of all
            # pairs that are assigned, even of those that share nothing.
            stitching=dict(least_iou=0.0),
            max_tracks=40,  # of a video; 10 as published, too few for OVIS
            weights=dict(lovasz=1.0, smoothness=10.0, seediness=1.0, semantic=1.0, foreground=1.0),
            shifted_targets=False,  # True, as published: empty instances shift the targets
        )
    )
