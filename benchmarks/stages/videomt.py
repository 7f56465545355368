"""Stages of VidEoMT."""

from collections.abc import Callable

from flax import linen as nn
from ml_collections import ConfigDict

from ovis_jax.structures import Window


def keep_all_detections(model: ConfigDict) -> None:
    """Every query is kept as it is."""
    del model


def with_objects(variables: dict) -> dict:
    """Any weights say something of every query."""
    return variables


def stages(system: nn.Module, stage: Callable, window: Window) -> dict[str, Callable]:
    """The parts of `step` that are timed; see `benchmarks.inference.stages_of_ours`."""
    tokens = window.features
    queries = stage(lambda system, x: system.head.first() + 0 * x.mean(), tokens.first)
    run = stage(lambda system, x, q: system.run_queries(x, q[None]), tokens, queries())
    return {"blocks with queries, classes, masks": run}
