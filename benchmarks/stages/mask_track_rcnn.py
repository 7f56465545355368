"""Stages of MaskTrack R-CNN."""

from collections.abc import Callable

import jax.numpy as jnp
from ml_collections import ConfigDict

from ovis_jax.models.systems.online import Pyramid
from ovis_jax.structures import Window


def keep_all_detections(model: ConfigDict) -> None:
    """Makes no score too low."""
    model.box.score_threshold = 0.0


def with_objects(variables: dict) -> dict:
    """Weights with which the objects have some size; proposals have that in any case."""
    return variables


def stages(
    stage: Callable, window: Window, query: Pyramid, calibrated: Pyramid
) -> dict[str, Callable]:
    """What comes after calibration; see `benchmarks.inference.stages_of_ours`."""
    propose = stage("propose", query, window.image_size[None])
    rois = jnp.repeat(propose().boxes, len(calibrated[0]), axis=0)
    return {"propose": propose, "classify": stage("classify", calibrated, rois)}
