"""Stages of MaskTrack R-CNN."""

from collections.abc import Callable

import jax.numpy as jnp
from ml_collections import ConfigDict

from ovis_jax.structures import Window


def keep_all_detections(model: ConfigDict) -> None:
    """Makes no score too low."""
    model.box.score_threshold = 0.0


def with_objects(variables: dict) -> dict:
    """Weights with which the objects have some size; proposals have that in any case."""
    return variables


def stages(stage: Callable, window: Window, references: int) -> dict[str, Callable]:
    """Calls that wait for their results, by name.

    Args:
      stage: makes one from a method of the system and its arguments.
      window: of frames that all exist.
      references: frames that calibrate the query.
    """
    query = tuple(x[:1] for x in window.pyramid)
    many = tuple(x[:references] for x in window.pyramid)
    calibrate, propose = (
        stage("calibrate", many, many),
        stage("propose", query, window.image_size[None]),
    )
    rois = jnp.repeat(propose().boxes, references, axis=0)
    return {
        "calibrate": calibrate,
        "propose": propose,
        "classify": stage("classify", calibrate(), rois),
    }
