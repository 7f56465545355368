"""results.json: predicted tracks, read and checked, or written."""

from __future__ import annotations

import dataclasses
import pathlib
import sys
from collections.abc import Iterable, Iterator, Sequence

from tqdm import tqdm

from ovis_jax.formats.annotation_records import Video
from ovis_jax.formats.annotations import Annotations, Header
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError, Problems
from ovis_jax.formats.fields import as_record, list_of, required, shown, whole_number
from ovis_jax.formats.file_parts import FilePart
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
    source: pathlib.Path | str | Iterable[dict],
    annotations: Annotations,
    *,
    progress: bool = False,
) -> list[TrackResult]:
    """Reads and checks tracks, in order; fields that are not needed are ignored.

    Args:
      source: a results file (JSON, or that in .gz or .zip), or its records.
      annotations: whose videos and categories the tracks are of.
      progress: show a progress bar if stderr is a terminal.

    Raises:
      InputError: malformed, or not fitting the annotations; lists all problems up to a limit, with
        entry, field and frame.
    """
    name, records = _open(source)
    return _check(name, records, annotations, progress)


def load_part(
    part: FilePart, annotations: Annotations | Header, *, progress: bool = False
) -> list[TrackResult]:
    """As `load_results`; in errors, entries are counted from the start of the part."""
    return _check(f"{part.path}: results", part.records(), annotations, progress)


def write_results(path: pathlib.Path | str, records: Sequence[dict]) -> None:
    """Writes results.json: completely or not at all."""
    write_json(path, list(records))


def _check(
    name: str, records: Iterable[object], annotations: Annotations | Header, progress: bool
) -> list[TrackResult]:
    """The tracks of records; `name` is for messages."""
    videos = {video.id: video for video in annotations.videos}
    known = {category.id for category in annotations.categories}
    problems, heads, masks = Problems(), [], []
    counted = tqdm(
        records, "results", unit="track", disable=None if progress else True, leave=False
    )
    for number, record in enumerate(counted):
        try:
            where, head = _head(record, f"{name}[{number}]", videos, known)
            raw = list_of(record, "segmentations", where, head[0].length)
        except InputError as error:
            problems.add(error)
            continue
        heads.append(head)
        masks.append((where, (head[0].height, head[0].width), compact(raw)))
    checked = check_segmentations(masks, polygons=False, problems=problems)
    tracks = [
        TrackResult(video.id, category_id, score, own)
        for (video, category_id, score), own in zip(heads, checked, strict=True)
    ]
    _check_unique(tracks, [where for where, *_ in masks], problems)
    problems.finish()
    return tracks


def _check_unique(tracks: Sequence[TrackResult], names: Sequence[str], problems: Problems) -> None:
    """Looks that no track is there twice; tracks without a mask may be."""
    first: dict[tuple, int] = {}
    for number, track in enumerate(tracks):
        key = track.video_id, track.category_id, track.score, tuple(track.segmentations.entries)
        earlier = first.setdefault(key, number)
        if earlier != number and any(key[-1]):
            problems.add(f"{names[number]}: the same track as {names[earlier]}")


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
        hint = ", which count from 1: are videos counted from 0 here?"
        counted_from_0 = video_id == 0 and 1 in videos
        raise InputError(
            f"{where}: video_id: {video_id} is not in the annotations"
            + (hint if counted_from_0 else "")
        )
    where = f"{where} (video {video_id})"
    category_id = whole_number(record, "category_id", where)
    if category_id not in categories:
        raise InputError(f"{where}: category_id: {category_id} is not in the annotations")
    score = required(record, "score", where)
    if type(score) not in (int, float) or not abs(score) <= sys.float_info.max:
        raise InputError(f"{where}: score: expected a finite number, is {shown(score)}")
    return where, (videos[video_id], category_id, float(score))
