"""Data sets whose short and long videos are scored apart, as in YouTube-VIS 2022.

"The additional long videos (L) are separately evaluated from previous videos (S), and the final mAP
is the average of mAP_L and mAP_S" (youtube-vos.org, data set page of the 2022 version).
"""

from __future__ import annotations

import dataclasses
import itertools
import pathlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np

from ovis_jax.evaluation.evaluator import Matching
from ovis_jax.evaluation.summary import Metrics
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.result_heads import ResultsOptions
from ovis_jax.formats.result_records import open_records
from ovis_jax.formats.results import TrackResult, read_results

PARTS = ("short", "long")

Match = Callable[[Annotations, "pathlib.Path | str | Sequence[TrackResult]"], Matching]
"""Matches the results of one part; `match_results` with its options."""

_LOOKED_AT = 100  # first tracks of a results file
_SHOWN = 3  # ids in an error


@dataclasses.dataclass(frozen=True)
class PartMetrics:
    """Metrics of the short and of the long videos, and their means.

    Attributes:
      parts: metrics by name of the part, one of PARTS.
    """

    parts: Mapping[str, Metrics]

    @property
    def mean(self) -> dict[str, float]:
        """Name → mean of the parts; -1 if one of them has no such ground truth."""
        return _mean([metrics.values for metrics in self.parts.values()])

    def over(self, category_ids: Collection[int]) -> dict[str, float]:
        """As `mean`, of the numbers averaged over some categories."""
        return _mean([metrics.over(category_ids) for metrics in self.parts.values()])

    def category_means(self) -> dict[int, dict[str, float]]:
        """Category id → name → mean of the parts."""
        tables = [metrics.category_values for metrics in self.parts.values()]
        return {key: _mean([table[key] for table in tables]) for key in tables[0]}

    def as_dict(self, groups: Mapping[str, Collection[int]] | None = None) -> dict:
        """The contents of metrics.json: those of each part, and the means.

        Args:
          groups: see `Metrics.as_dict`.
        """
        written = {name: metrics.as_dict(groups) for name, metrics in self.parts.items()}
        mean = dict(self.mean)
        mean["per_category"] = _mean([own["per_category"] for own in written.values()])
        mean |= {group: self.over(ids) for group, ids in (groups or {}).items()}
        return written | {"mean": mean}


def match_parts(
    truth: Mapping[str, Annotations],
    results: Mapping[str, pathlib.Path | str],
    match: Match,
) -> dict[str, Matching]:
    """Matches a results file for each part.

    Args:
      truth: by name of the part.
      results: by name of the part.
      match: of one part.

    Raises:
      InputError: the parts do not have the same categories, or the results files are exchanged; or
        as `match`.
    """
    check_categories(truth)
    for name, path in results.items():
        _check_part(path, name, truth)
    return {name: match(truth[name], path) for name, path in results.items()}


def match_together(
    truth: Mapping[str, Annotations],
    results: pathlib.Path | str,
    options: ResultsOptions,
    match: Match,
) -> tuple[dict[str, Matching], Mapping[str, Mapping[int, int]]]:
    """Matches one results file with the tracks of all parts.

    Args:
      truth: by name of the part; no video id may be in two parts.
      results: of the videos of all parts.
      options: how they are read.
      match: of one part.

    Returns:
      Matches by name of the part; and of each unknown id how many tracks were dropped, for "videos"
      and "categories".

    Raises:
      InputError: the parts do not have the same categories, or share video ids; or as `match`.
    """
    check_categories(truth)
    read = read_results(results, _joined(truth), options)
    found = {}
    for name, part in truth.items():
        videos = {video.id for video in part.videos}
        entries = [n for n, track in enumerate(read.tracks) if track.video_id in videos]
        own = match(part, [read.tracks[entry] for entry in entries])
        found[name] = _with_entries(own, np.array(entries, np.int64))
    return found, read.dropped


def check_categories(truth: Mapping[str, Annotations]) -> None:
    """Raises InputError if two parts do not have the same categories."""
    first, *others = truth.values()
    for other in others:
        if other.categories != first.categories:
            differing = set(first.categories) ^ set(other.categories)
            some = sorted({f"{c.name} (id {c.id})" for c in differing})[:_SHOWN]
            raise InputError(
                f"{other.path}: categories: expected those of {first.path}; they differ in "
                + ", ".join(some)
            )


def _joined(truth: Mapping[str, Annotations]) -> Annotations:
    """All videos, without the objects."""
    first, *_ = truth.values()
    for one, other in itertools.combinations(truth.values(), 2):
        both = sorted({v.id for v in one.videos} & {v.id for v in other.videos})
        if both:
            more = ", …" if len(both) > _SHOWN else ""
            raise InputError(
                f"{other.path}: videos: {len(both)} ids are in {one.path}, too "
                f"({', '.join(map(str, both[:_SHOWN]))}{more}), so one results file cannot tell "
                "them apart; expected a results file for each"
            )
    videos = tuple(video for own in truth.values() for video in own.videos)
    return dataclasses.replace(first, videos=videos, instances=())


def _with_entries(matching: Matching, entries: np.ndarray) -> Matching:
    """The same with positions of tracks in the whole file; `entries` has that of each track."""
    overlaps = {
        key: dataclasses.replace(own, entries=entries[own.entries])
        for key, own in matching.overlaps.items()
    }
    measured = dataclasses.replace(matching.measured, overlaps=overlaps)
    return dataclasses.replace(matching, measured=measured)


def _check_part(path: pathlib.Path | str, name: str, truth: Mapping[str, Annotations]) -> None:
    """Looks that the first tracks of a results file are not those of another part."""
    where, records = open_records(path)
    first = list(itertools.islice(records, _LOOKED_AT))
    if not first or _fits(first, truth[name]):
        return
    for other, part in truth.items():
        if other != name and _fits(first, part):
            raise InputError(
                f"{where}: tracks of the {other} videos ({part.path}), expected those of "
                f"the {name} videos ({truth[name].path}): are the results files exchanged?"
            )


def _fits(records: Iterable[object], annotations: Annotations) -> bool:
    """Whether all tracks are of videos of the annotations, and as long as they."""
    lengths = {video.id: video.length for video in annotations.videos}
    for record in records:
        masks = record.get("segmentations") if isinstance(record, dict) else None
        video = record.get("video_id") if isinstance(record, dict) else None
        if not isinstance(masks, list) or not isinstance(video, int | float):
            return False
        if lengths.get(video) != len(masks):
            return False
    return True


def _mean(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean of the numbers with the same name; -1 if one of them is."""
    return {
        name: -1.0
        if any(own[name] < 0 for own in parts)
        else float(np.mean([o[name] for o in parts]))
        for name in parts[0]
    }
