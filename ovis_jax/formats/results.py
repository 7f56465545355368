"""results.json: predicted tracks, read and checked, or written."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from collections.abc import Iterable, Iterator, Sequence

from ovis_jax.formats.annotation_records import Video
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import as_record, list_of, required, shown, whole_number
from ovis_jax.formats.json_stream import open_json
from ovis_jax.formats.segmentations import Segmentations, check_segmentations, compact


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class TrackResult:
    """A predicted object in all T frames of its video.

    Attributes:
      video_id: of the annotations.
      category_id: of the annotations.
      score: any finite number; higher is surer.
      segmentations: for each frame a compressed mask or None; see `Segmentations`.
    """

    video_id: int
    category_id: int
    score: float
    segmentations: Segmentations


def load_results(
    source: pathlib.Path | str | Iterable[dict], annotations: Annotations
) -> list[TrackResult]:
    """Reads and checks tracks, in order; fields that are not needed are ignored.

    Args:
      source: a results file, or its records.
      annotations: whose videos and categories the tracks are of.

    Raises:
      InputError: malformed, or not fitting the annotations; names entry, field and frame.
    """
    videos = {video.id: video for video in annotations.videos}
    known = {category.id for category in annotations.categories}
    name, records = _open(source)
    heads, masks = [], []
    for number, record in enumerate(records):
        where, head = _head(record, f"{name}[{number}]", videos, known)
        heads.append(head)
        raw = list_of(record, "segmentations", where, head[0].length)
        masks.append((where, (head[0].height, head[0].width), compact(raw)))
    checked = check_segmentations(masks, polygons=False)
    return [
        TrackResult(video.id, category_id, score, own)
        for (video, category_id, score), own in zip(heads, checked, strict=True)
    ]


def write_results(path: pathlib.Path | str, records: Sequence[dict]) -> None:
    """Writes results.json: completely or not at all."""
    write_json(path, list(records))


def _open(source: pathlib.Path | str | Iterable[dict]) -> tuple[str, Iterable[object]]:
    """Name for messages, and the records."""
    if isinstance(source, str | pathlib.Path):
        return f"{source}: results", _file_records(source)
    return "results", source


def _file_records(path: pathlib.Path | str) -> Iterator[object]:
    with open_json(path) as stream:
        if stream.peek() != "[":
            raise InputError(f"{path}: expected a list of tracks")
        yield from stream.elements()
        stream.end()


def _head(
    record: object, where: str, videos: dict[int, Video], categories: set[int]
) -> tuple[str, tuple[Video, int, float]]:
    """Everything but the masks: names the entry; its video, category id and score."""
    record = as_record(record, where)
    video_id = whole_number(record, "video_id", where)
    if video_id not in videos:
        raise InputError(f"{where}: video_id: {video_id} is not in the annotations")
    where = f"{where} (video {video_id})"
    category_id = whole_number(record, "category_id", where)
    if category_id not in categories:
        raise InputError(f"{where}: category_id: {category_id} is not in the annotations")
    score = required(record, "score", where)
    if type(score) not in (int, float) or not abs(score) <= sys.float_info.max:
        raise InputError(f"{where}: score: expected a finite number, is {shown(score)}")
    return where, (videos[video_id], category_id, float(score))
