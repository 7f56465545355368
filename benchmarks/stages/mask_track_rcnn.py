"""Stages of MaskTrack R-CNN."""

from collections.abc import Callable

import jax.numpy as jnp
from flax import linen as nn
from ml_collections import ConfigDict

from benchmarks.stages.calibrated import calibration, query_pyramid
from ovis_jax.structures import Window


def keep_all_detections(model: ConfigDict) -> None:
    """Makes no score too low."""
    model.box.score_threshold = 0.0


def with_objects(variables: dict) -> dict:
    """Weights with which the objects have some size; proposals have that in any case."""
    return variables


def stages(system: nn.Module, stage: Callable, window: Window) -> dict[str, Callable]:
    """The parts of `step` that are timed; see `benchmarks.inference.stages_of_ours`."""
    calibrate = calibration(system, stage, window)
    calibrated = calibrate()
    propose = stage("propose", query_pyramid(window), window.image_size[None])
    rois = jnp.repeat(propose().boxes, len(calibrated[0]), axis=0)
    classify = stage("classify", calibrated, rois)
    return {"calibrate": calibrate, "propose": propose, "classify": classify}
