"""The categories that training data have, read without anything else of them."""

from __future__ import annotations

from typing import Any

from ovis_jax.data.from_config import training_settings
from ovis_jax.data.settings import VideoRecords
from ovis_jax.data.videos.record_index import index_path, read_index
from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.annotations import load_header


def training_categories(data: Any) -> tuple[Category, ...]:
    """Sorted by id; label k of a model that is trained on them is the k-th.

    Args:
      data: `config.data`.

    Raises:
      InputError: the annotations, or the index of records, cannot be read.
    """
    videos = training_settings(data).videos
    if isinstance(videos, VideoRecords):
        return tuple(read_index(index_path(videos.folder, videos.split)).categories)
    return load_header(videos.annotations).categories
