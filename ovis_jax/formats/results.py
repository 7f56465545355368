"""results.json: predicted tracks, read and checked, or written."""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Iterable, Sequence

from tqdm import tqdm

from ovis_jax.formats.annotations import Annotations, Header
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError, Problems
from ovis_jax.formats.fields import list_of
from ovis_jax.formats.file_parts import FilePart
from ovis_jax.formats.result_heads import (
    AS_ANNOTATED,
    ResultHeads,
    ResultsOptions,
    UnknownId,
)
from ovis_jax.formats.result_records import open_records
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


@dataclasses.dataclass(frozen=True)
class ReadResults:
    """What was read.

    Attributes:
      tracks: in order.
      dropped: how many tracks there were of each unknown id, for "videos" and "categories".
    """

    tracks: list[TrackResult]
    dropped: dict[str, collections.Counter[int]]


def load_results(
    source: pathlib.Path | str | Iterable[dict],
    annotations: Annotations,
    *,
    progress: bool = False,
) -> list[TrackResult]:
    """Reads and checks tracks, in order; fields that are not needed are ignored.

    A track may be there twice.

    Args:
      source: a results file (a JSON list, or one JSON object a line; also in .gz or .zip), or its
        records, which may hold numbers and arrays of numpy.
      annotations: whose videos and categories the tracks are of.
      progress: show a progress bar if stderr is a terminal.

    Raises:
      InputError: malformed, or not fitting the annotations; lists all problems up to a limit, with
        entry, field and frame.
    """
    return read_results(source, annotations, progress=progress).tracks


def read_results(
    source: pathlib.Path | str | Iterable[dict],
    annotations: Annotations,
    options: ResultsOptions = AS_ANNOTATED,
    *,
    progress: bool = False,
) -> ReadResults:
    """As `load_results`, with options.

    Raises:
      InputError: as `load_results`; also if all tracks are dropped for their videos.
    """
    name, records = open_records(source)
    found = _check(name, records, annotations, options, progress)
    check_dropped(found.dropped, len(found.tracks), name)
    return found


def load_part(
    part: FilePart,
    annotations: Annotations | Header,
    options: ResultsOptions,
    *,
    progress: bool = False,
) -> ReadResults:
    """As `read_results`; in errors, entries are counted from the start of the part."""
    return _check(f"{part.path}: results", part.records(), annotations, options, progress)


def check_dropped(
    dropped: dict[str, collections.Counter[int]], num_tracks: int, name: str = "results"
) -> None:
    """Raises InputError if no track is left because all are of unknown videos."""
    if dropped["videos"] and not num_tracks and not dropped["categories"]:
        raise InputError(
            f"{name}: video_id: none of the {dropped['videos'].total()} tracks is of a video that "
            "is in the annotations"
        )


def write_results(path: pathlib.Path | str, records: Sequence[dict]) -> None:
    """Writes results.json: completely or not at all."""
    write_json(path, list(records))


def _check(
    name: str,
    records: Iterable[object],
    annotations: Annotations | Header,
    options: ResultsOptions,
    progress: bool,
) -> ReadResults:
    """The tracks of records; `name` is for messages."""
    heads = ResultHeads(annotations, options)
    problems, found, masks = Problems(), [], []
    counted = tqdm(
        records, "results", unit="track", disable=None if progress else True, leave=False
    )
    for number, record in enumerate(counted):
        try:
            where, head = heads.read(record, f"{name}[{number}]")
            raw = list_of(record, "segmentations", where, head[0].length)
        except InputError as error:
            problems.add(error)
            continue
        except UnknownId:
            continue
        found.append(head)
        masks.append((where, (head[0].height, head[0].width), compact(raw)))
    checked = check_segmentations(masks, polygons=False, problems=problems)
    problems.finish()
    tracks = [
        TrackResult(video.id, category_id, score, own)
        for (video, category_id, score), own in zip(found, checked, strict=True)
    ]
    return ReadResults(tracks, heads.dropped)
