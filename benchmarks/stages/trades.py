"""Stages of TraDeS."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from ovis_jax.models.frame_map import FrameMap
from ovis_jax.structures import Window

SIDE = 8.0  # of a predicted box, in cells


def keep_all_detections(model: ConfigDict) -> None:
    """Makes no score too low."""
    model.detect.score_threshold = 0.0


def with_objects(variables: dict) -> dict:
    """Weights with which every cell predicts a box of some size and a mask that fills the frame."""
    center = variables["params"]["center"]
    network = center["network"]
    center = center | {
        "size": center["size"] | {"bias": jnp.full(2, SIDE)},
        "network": network | {"bias": network["bias"].at[-1].set(1.0)},  # of the last layer
    }
    return variables | {"params": variables["params"] | {"center": center}}


def stages(system: nn.Module, stage: Callable, window: Window) -> dict[str, Callable]:
    """The parts of `step` that are timed; see `benchmarks.inference.stages_of_ours`."""
    before, current = (x[None] for x in window.features)
    heat = jnp.zeros(current.shape[:3])
    motion = stage(lambda system, *x: system.motion(*x), current, before, heat)
    enhanced = motion().enhanced
    side = 4 * jnp.array(current.shape[1:3])
    predict = stage("predict", current, before, jnp.zeros((1, *map(int, side))))
    predicted = jax.tree.map(lambda x: x[0], predict())
    return {
        "motion": motion,
        "heads": stage(lambda system, x: (system.center(x), system.seg(x)), enhanced),
        "decode, NMS, masks": stage("decode", predicted, FrameMap.of(current[0], window)),
    }
