"""Where a configuration says that data are, and fingerprints of what is there."""

from __future__ import annotations

import pathlib
from typing import Any

from ovis_jax.formats.content_fingerprints import (
    file_fingerprint,
    files_fingerprint,
    folder_fingerprint,
    frame_names,
)
from ovis_jax.formats.errors import InputError

_FILES = ("data.train_annotations", "data.eval_annotations", "data.pseudo_video.annotations")
_IMAGES = {  # folders, and the annotations that name their files
    "data.train_images": "data.train_annotations",
    "data.eval_images": "data.eval_annotations",
    "data.pseudo_video.images": "data.pseudo_video.annotations",
}
_FOLDERS = ("data.train_records", "train.init_checkpoint")

PLACES = (*_FILES, *_IMAGES, *_FOLDERS)
"""Dotted names of the fields that hold a path."""


def used_places(config: dict[str, Any]) -> list[str]:
    """Which of PLACES a run with this configuration reads."""
    records, images = value_of(config, "data.train_records"), value_of(config, "data.image_share")
    unused = {field for field in _FOLDERS if not value_of(config, field)}
    if records:
        unused |= {"data.train_annotations", "data.train_images"}
    if not images:
        unused |= {"data.pseudo_video.annotations", "data.pseudo_video.images"}
    return [field for field in PLACES if field not in unused]


def fingerprint_of(config: dict[str, Any], field: str) -> str | None:
    """Of the file or folder that a field of PLACES names; None if it cannot be read."""
    place = value_of(config, field)
    try:
        if field in _FILES:
            return file_fingerprint(place)
        if field in _IMAGES:
            return files_fingerprint(place, frame_names(value_of(config, _IMAGES[field])))
        if pathlib.Path(place).is_file():  # a packed model
            return file_fingerprint(place)
        return folder_fingerprint(place)
    except (OSError, InputError):
        return None


def value_of(config: dict[str, Any], field: str) -> Any:
    """The value of a dotted name; None if a part of it is absent."""
    for part in field.split("."):
        config = config.get(part) if isinstance(config, dict) else None
    return config
