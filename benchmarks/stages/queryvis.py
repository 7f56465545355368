"""Stages of QueryVIS; the refinement of the queries is a part of `encode`."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from ovis_jax.structures import Window


def keep_all_detections(model: ConfigDict) -> None:
    """Makes no score too low, and all pairs of query and class detections."""
    model.predictions.update(score_threshold=0.0, single_label=False)


def with_objects(variables: dict) -> dict:
    """Weights with which queries begin with boxes of some size, spread over the frame."""
    params = variables["params"]
    count = len(params["queries"]["boxes"])
    center = jax.random.uniform(jax.random.key(1), (count, 2), minval=0.2, maxval=0.8)
    boxes = jnp.concatenate([center, jnp.full((count, 2), 0.2)], axis=-1)
    return variables | {"params": params | {"queries": params["queries"] | {"boxes": boxes}}}


def stages(system: nn.Module, stage: Callable, window: Window) -> dict[str, Callable]:
    """The parts of `step` that are timed; see `benchmarks.inference.stages_of_ours`."""
    frame = jax.tree.map(lambda x: x[:1], window.features)
    rows = jnp.arange(system.capacity.detections) % frame.queries.logits.shape[1]
    queries = jax.tree.map(lambda x: x[:, rows], frame.queries)
    boxes = queries.boxes
    return {
        "masks": stage("segment", frame.pyramid, queries),
        "embeddings": stage("embed", frame.pyramid, boxes, queries),
    }
