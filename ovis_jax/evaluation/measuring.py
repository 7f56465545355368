"""Ground truth and results, read from wherever they are, and how much they overlap."""

from __future__ import annotations

import collections
import dataclasses
import os
import pathlib
from collections.abc import Iterable, Mapping

from ovis_jax.evaluation.annotated_frames import in_annotated_frames
from ovis_jax.evaluation.overlaps import (
    Key,
    Overlaps,
    measure_overlaps,
    pooled_categories,
    truth_masks,
)
from ovis_jax.evaluation.parallel import measure_files
from ovis_jax.evaluation.repeated import num_repeated
from ovis_jax.formats.annotations import Annotations, load_annotations
from ovis_jax.formats.documents import from_document
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.plain_values import kind, plain
from ovis_jax.formats.result_heads import UNKNOWN, ResultsOptions
from ovis_jax.formats.results import ReadResults, TrackResult, check_dropped, read_results

Results = pathlib.Path | str | Iterable[dict] | Iterable[TrackResult]


@dataclasses.dataclass(frozen=True)
class Measured:
    """All that matching needs to know of ground truth and results.

    Attributes:
      annotations: ground truth.
      num_tracks: in the results.
      num_repeated: of these, the same as an earlier one.
      overlaps: by category and video id.
      dropped: how many tracks there were of each unknown id, for "videos" and "categories"; and of
        each video, for "frames", those that are in no annotated frame.
    """

    annotations: Annotations
    num_tracks: int
    num_repeated: int
    overlaps: Mapping[Key, Overlaps]
    dropped: Mapping[str, collections.Counter[int]]


def measure(
    annotations: Annotations | dict | pathlib.Path | str,
    results: Results,
    options: ResultsOptions,
    *,
    workers: int = 1,
    progress: bool = False,
) -> Measured:
    """Reads ground truth and results and measures how much they overlap; see `evaluate`.

    Raises:
      InputError: one of them cannot be used, or there is no ground truth.
    """
    if workers > 1 and _is_path(annotations) and _is_path(results):
        found = measure_files(annotations, results, workers, options, progress=progress)
        if found is not None:
            truth, own = found
            check_dropped(own.dropped, own.num_tracks, f"{results}: results")
            return Measured(truth, own.num_tracks, own.num_repeated, own.overlaps, own.dropped)
    truth = _ground_truth(annotations)
    read = in_annotated_frames(_read(results, truth, options, progress), truth.videos)
    overlaps = measure_overlaps(
        truth_masks(pooled_categories(truth) if options.class_agnostic else truth),
        read.tracks,
        class_agnostic=options.class_agnostic,
        progress=progress,
    )
    return Measured(truth, len(read.tracks), num_repeated(read.tracks), overlaps, read.dropped)


def _ground_truth(annotations: Annotations | dict | pathlib.Path | str) -> Annotations:
    if _is_path(annotations):
        annotations = load_annotations(annotations)
    elif isinstance(annotations, Mapping):
        annotations = from_document(plain(annotations), "ground truth")
    elif not isinstance(annotations, Annotations):
        raise InputError(
            "ground truth: expected a path, the contents of an annotation file or Annotations, "
            f"is {kind(annotations)}"
        )
    annotations.check_ground_truth("to score with")
    return annotations


def _read(
    results: Results, truth: Annotations, options: ResultsOptions, progress: bool
) -> ReadResults:
    """The tracks; those that were checked before need no more than a look at ids."""
    if isinstance(results, Iterable) and not isinstance(
        results, str | bytes | Mapping | os.PathLike
    ):
        results = list(results)
        if results and all(isinstance(track, TrackResult) for track in results):
            return _known(results, truth, options)
    return read_results(results, truth, options, progress=progress)


def _known(tracks: list[TrackResult], truth: Annotations, options: ResultsOptions) -> ReadResults:
    """Tracks that were checked before, perhaps with annotations of more videos."""
    known = {"videos": {video.id for video in truth.videos}}
    if not options.class_agnostic:
        known["categories"] = {category.id for category in truth.categories}
    dropped, kept = {name: collections.Counter() for name in UNKNOWN}, []
    for number, track in enumerate(tracks):
        ids = {"videos": track.video_id, "categories": track.category_id}
        lacking = next((name for name, own in known.items() if ids[name] not in own), None)
        if lacking is None:
            kept.append(track)
        elif lacking in options.ignore_unknown:
            dropped[lacking][ids[lacking]] += 1
        else:
            field = {"videos": "video_id", "categories": "category_id"}[lacking]
            raise InputError(
                f"results[{number}]: {field}: {ids[lacking]} is not in the annotations"
            )
    check_dropped(dropped, len(kept))
    return ReadResults(kept, dropped)


def _is_path(value: object) -> bool:
    return isinstance(value, pathlib.Path | str)
