"""Stages of IDOL; the transformer is a part of `encode`."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from ovis_jax.structures import Window


def keep_all_detections(model: ConfigDict) -> None:
    """Makes no score too low, and no two detections too alike."""
    model.selection.update(score_threshold=0.0, box_nms=1.0, mask_nms=1.0)


def with_objects(variables: dict) -> dict:
    """Weights with which queries have boxes of some size: any, as these begin on the frame."""
    return variables


def stages(system: nn.Module, stage: Callable, window: Window) -> dict[str, Callable]:
    """The parts of `step` that are timed; see `benchmarks.inference.stages_of_ours`."""
    frame = jax.tree.map(lambda x: x[system.window_before], window.features)
    count = system.capacity.detections
    queries = jnp.arange(count) % len(frame.logits)
    return {"masks": stage("segment", frame, queries, window.image_size, jnp.int32(count))}
