"""Stages of STEm-Seg."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from ovis_jax.models import clip_pixels
from ovis_jax.structures import Window


def keep_all_detections(model: ConfigDict) -> None:
    """Every pixel may be a seed."""
    model.clustering.min_seediness = 0.0


def with_objects(variables: dict) -> dict:
    """Any weights find clusters."""
    return variables


def stages(system: nn.Module, stage: Callable, window: Window) -> dict[str, Callable]:
    """The parts of `step` that are timed, of the frames that begin a clip.

    See `benchmarks.inference.stages_of_ours`.
    """
    count = system.schedule.num_frames
    clip = jax.tree.map(lambda x: x[:count][None], window.features)
    decode = stage(lambda system, x: system.decode(x), clip)
    pixels, logits = jax.tree.map(lambda x: x[0], decode())
    everything = jnp.ones(count, bool)
    cluster = stage(
        lambda system, x, foreground: clip_pixels.cluster_clip(
            x, foreground, everything, system.clustering, system.enlarged
        ),
        pixels,
        logits.foreground,
    )
    return {"decoders of a clip": decode, "clusters of a clip": cluster}
