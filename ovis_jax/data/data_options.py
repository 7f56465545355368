"""What `config.data` says of crowds and boxes."""

from __future__ import annotations

from ovis_jax.formats.annotation_options import BOXES, CONFIG_FIELDS, AnnotationOptions
from ovis_jax.formats.errors import InputError


def annotation_options(data) -> AnnotationOptions:
    """What `config.data` says of crowds and boxes.

    Raises:
      InputError: a value makes no sense.
    """
    if data.boxes not in BOXES:
        raise InputError(f"config.data.boxes: expected 'file' or 'masks', is {data.boxes!r}")
    return AnnotationOptions(data.crowds_are_objects, data.boxes, CONFIG_FIELDS)
