"""Results of one video that no annotation file describes."""

from __future__ import annotations

import json
import pathlib
import tempfile
from collections.abc import Callable, Iterator

import numpy as np

from ovis_jax.data.image_sources import open_images
from ovis_jax.formats.annotations import Annotations, Video, load_annotations
from ovis_jax.formats.errors import InputError

_BESIDE = "annotations.json"  # as `ovis-jax predict` writes it


def single_video(
    results: pathlib.Path, images: pathlib.Path
) -> tuple[Annotations, Callable[[Video], Iterator[np.ndarray]]]:
    """What there is to know of a video, and its frames.

    Its id is that of the results; names of categories are those of `annotations.json` beside the
    results, if there is one, or their numbers.

    Args:
      results: results.json.
      images: the video file, the folder of its frames, or an image.

    Returns:
      Annotations without ground truth, and what reads the frames.

    Raises:
      InputError: a file cannot be read, or the results are of several videos.
    """
    source = open_images(images)
    length = len(source.seconds)
    records = _records(results)
    ids = sorted({record.get("video_id") for record in records} - {None}) or [1]
    if len(ids) > 1:
        raise InputError(
            f"{results}: video_id: {len(ids)} videos, expected those of one; --annotations says "
            "where the frames of several are"
        )
    video = {
        "id": ids[0],
        "width": source.width,
        "height": source.height,
        "length": length,
        "file_names": source.file_names(length),
    }
    document = {"videos": [video], "categories": _categories(results, records)}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / results.name
        path.write_text(json.dumps(document | {"annotations": None}))
        return load_annotations(path), lambda video: source.read()


def _records(results: pathlib.Path) -> list[dict]:
    """The entries; what is wrong with them says who reads them next."""
    try:
        records = json.loads(results.read_text())
    except (OSError, ValueError) as error:
        raise InputError(f"{results}: expected a results.json ({error})") from None
    if not isinstance(records, list):
        raise InputError(f"{results}: expected a list of results")
    return [record for record in records if isinstance(record, dict)]


def _categories(results: pathlib.Path, records: list[dict]) -> list[dict]:
    try:
        return json.loads((results.parent / _BESIDE).read_text())["categories"]
    except (OSError, ValueError, KeyError, TypeError):
        numbers = sorted(
            {r["category_id"] for r in records if isinstance(r.get("category_id"), int)}
        )
        return [{"id": number, "name": f"category {number}"} for number in numbers or [1]]
