"""Stages of STMask: those of `encode` for a single frame, and those of `step`."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from ovis_jax.structures import Window

SURE = 3.0  # added to the logit of a class and to the centerness of every anchor


def keep_all_detections(model: ConfigDict) -> None:
    """Makes no score too low."""
    model.detect.score_threshold = 0.0
    model.tracker.min_score = 0.0


def with_objects(variables: dict) -> dict:
    """Weights with which anchors are sure of a class, and masks fill their boxes."""
    anchors = dict(variables["params"]["anchors"])
    for name, layer in anchors.items():
        kind = name.rpartition("_")[0]
        if kind in ("centerness", "coefficients"):
            anchors[name] = layer | {"bias": jnp.full_like(layer["bias"], SURE)}
        elif kind == "logits":
            anchors[name] = layer | {"bias": layer["bias"].at[1].set(SURE)}
    return variables | {"params": variables["params"] | {"anchors": anchors}}


def stages(system: nn.Module, stage: Callable, window: Window) -> dict[str, Callable]:
    """The parts of `step` that are timed; see `benchmarks.inference.stages_of_ours`."""
    before, own = (jax.tree.map(lambda x, i=i: x[i], window.features) for i in (0, 1))
    memory = system.init_memory(len(own.detections.valid), None)  # empty, as that of `step`
    return {
        "correlation, moving objects": stage("moved", memory, before.shift, own.shift),
        "masks and links": stage("linked", memory, own, window),
    }
