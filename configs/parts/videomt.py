"""VidEoMT, as published: a vision transformer in several sizes, DINOv2 or DINOv3 inside."""

from ml_collections import ConfigDict

from ovis_jax.configs.parts import data
from ovis_jax.configs.parts.run import run

SIZES = {
    # name: width, blocks, heads, blocks with queries
    "small": (384, 12, 6, 3),
    "base": (768, 12, 12, 3),
    "large": (1024, 24, 16, 4),
}
LAYER_DECAY = 0.6  # of the learning rate, from a block to the one before
SHORTER_SIDE, LONGER_SIDE = 544, 1333  # in prediction
TRAINING_SIDES = (320, 352, 392, 416, 448, 480, 512, 544, 576, 608, 640)
LONGER_TRAINING_SIDE = 768


def videomt(size: str = "large") -> ConfigDict:
    """VidEoMT with a DINOv2 encoder, 25 categories: a whole configuration.

    Published training differs where its code does not do what it says; `model` has those ways as
    options.
    """
    config = run(model(size), capacity())
    config.data.update(image_scale=(LONGER_SIDE, SHORTER_SIDE), inclusive_boxes=False)
    config.data.resize.update(fit="short_side", resampling="pillow", axis_scales=True)
    config.data.clip.update(num_frames=5, mask_frames=5, others="run", in_order=True)
    config.data.augment.update(data.detr_crops())
    config.data.augment.sizes = tuple((LONGER_TRAINING_SIDE, side) for side in TRAINING_SIDES)
    config.train.update(
        batch_size=8,
        num_steps=160_000,
        optimizer="adamw",
        learning_rate=2e-4,  # of 16 clips; 1e-4 of the published 8
        second_moment=0.999,
        weight_decay=0.05,
        warmup_steps=500,
        warmup_factor=0.0,
        schedule="polynomial",
        schedule_after_warmup=True,
        clip_norm=0.01,
        frozen=(),
        slowed=slower_blocks(config.model.encoder.depth),
    )
    config.train.delayed.update(paths=("encoder",), steps=500, warmup_steps=1000)
    return config


def youtube_vis_2019(size: str) -> ConfigDict:
    """VidEoMT for YouTube-VIS 2019: a whole configuration."""
    config = videomt(size)
    config.data.update(data.youtube_vis_2019(), image_scale=(LONGER_SIDE, 448))
    config.model.update(num_classes=40, max_results=10)
    config.train.num_steps = 60_000 if size == "large" else 40_000
    return config


def slower_blocks(depth: int, decay: float = LAYER_DECAY) -> tuple[tuple[str, float], ...]:
    """Factors on the learning rate, falling from the last block to the first."""
    blocks = [(f"encoder/blocks_{i}", decay ** (depth - 1 - i)) for i in range(depth - 1)]
    first = decay ** (depth - 1)
    embeddings = ("patch_embedding", "class_token", "register_tokens", "positions")
    return (*((f"encoder/{name}", first) for name in embeddings), *blocks)


def capacity() -> ConfigDict:
    """Sizes of the padded records."""
    return ConfigDict(
        dict(
            instances=40,  # annotated objects a frame, and a clip
            tracks=200,  # the queries
        )
    )


def model(size: str) -> ConfigDict:
    """Keyword arguments of each part's module."""
    width, depth, heads, query_blocks = SIZES[size]
    return ConfigDict(
        dict(
            system="videomt",
            num_classes=25,
            dtype="float32",
            rematerialise=False,  # compute activations twice, for less memory
            encoder=dict(
                width=width,
                depth=depth,
                heads=heads,
                query_blocks=query_blocks,
                patch=16,
                registers=4,
                table_side=40,  # of positions; 0: rotary ones, as in DINOv3
                norm_epsilon=1e-6,
                key_bias=True,
                gated=False,
                scale_init=1.0,
            ),
            head=dict(num_queries=200, doublings=2),
            criterion=dict(
                no_object=0.1,
                num_points=12544,
                oversampling=3,
                uncertain_share=0.75,
                weights=dict(classes=2.0, mask=5.0, dice=5.0),
            ),
            max_results=20,  # tracks of a video; 10 in the files for YouTube-VIS
            normed_queries=False,  # or True: handed on after the final norm
            # As published are: "last_frame", True, True.
            labels="clip",  # or "last_frame": objects that it lacks become class K - 1
            skip_last_auxiliary=False,
            mix_clips=False,  # of a device's part of the batch
        )
    )


def dinov3(config: ConfigDict) -> ConfigDict:
    """The configuration with a DINOv3 encoder."""
    config.model.encoder.update(table_side=0, norm_epsilon=1e-5, key_bias=False)
    return config
