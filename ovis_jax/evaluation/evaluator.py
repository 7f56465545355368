"""Ground truth and results → metrics: the story of an evaluation.

The rules are those of the official OVIS and YouTube-VIS evaluators.
"""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Collection, Mapping

import numpy as np

from ovis_jax.evaluation.annotated_frames import UNANNOTATED
from ovis_jax.evaluation.groups import OCCLUSION_RANGES
from ovis_jax.evaluation.matching import Matches, match_category
from ovis_jax.evaluation.measuring import Measured, Results, measure
from ovis_jax.evaluation.objects import Objects, objects_by_category
from ovis_jax.evaluation.overlaps import ALL_CATEGORIES, Key, Overlaps, pooled_categories
from ovis_jax.evaluation.summary import DATASETS, Metrics, summarize
from ovis_jax.formats.annotation_options import FLAGS
from ovis_jax.formats.annotations import Annotations, Category
from ovis_jax.formats.crowds import many_crowds
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.result_heads import UNKNOWN, ResultsOptions


@dataclasses.dataclass(frozen=True)
class Matching:
    """Which track of a results file is matched to which object; all that metrics depend on.

    Attributes:
      annotations: ground truth.
      dataset: one of DATASETS.
      categories: that are scored: of the ground truth, or `ALL_CATEGORIES` alone.
      measured: what is known of the results.
      objects: by category id, ascending.
      matches: by category id, ascending.
    """

    annotations: Annotations
    dataset: str
    categories: tuple[Category, ...]
    measured: Measured
    objects: Mapping[int, Objects]
    matches: Mapping[int, Matches]

    @property
    def num_tracks(self) -> int:
        """Tracks in the results."""
        return self.measured.num_tracks

    @property
    def overlaps(self) -> Mapping[Key, Overlaps]:
        """Overlaps by category and video id."""
        return self.measured.overlaps


def evaluate(
    annotations: Annotations | dict | pathlib.Path | str,
    results: Results,
    dataset: str = "ovis",
    *,
    class_agnostic: bool = False,
    ignore_unknown: Collection[str] = (),
    workers: int = 1,
    progress: bool = False,
) -> Metrics:
    """Scores predicted tracks.

    Args:
      annotations: ground truth, the contents of its file, or its path.
      results: path of a results file, its records, or tracks that `load_results` has checked.
      dataset: "ovis" for 18 numbers; "ytvis" for the 12 without occlusion groups.
      class_agnostic: all tracks and objects are of one category, whatever theirs.
      ignore_unknown: "videos", "categories" or both: tracks of those that the ground truth lacks
        are dropped, with a note, instead of being an error.
      workers: processes that share the work if both are paths; the numbers do not depend on it.
      progress: show progress bars if stderr is a terminal.

    Raises:
      InputError: a file cannot be used, or there is no ground truth.
    """
    matching = match_results(
        annotations,
        results,
        dataset,
        class_agnostic=class_agnostic,
        ignore_unknown=ignore_unknown,
        workers=workers,
        progress=progress,
    )
    metrics = score(matching)
    notes = tuple(f"{text[0].upper()}{text[1:]}." for text in dropped_tracks(matching))
    return dataclasses.replace(metrics, notes=metrics.notes + notes)


def match_results(
    annotations: Annotations | dict | pathlib.Path | str,
    results: Results,
    dataset: str = "ovis",
    *,
    class_agnostic: bool = False,
    ignore_unknown: Collection[str] = (),
    workers: int = 1,
    progress: bool = False,
) -> Matching:
    """Matches predicted tracks to objects; as `evaluate`."""
    if dataset not in DATASETS:
        raise InputError(f"dataset: expected one of {', '.join(DATASETS)}, is {dataset!r}")
    options = ResultsOptions(_checked_unknown(ignore_unknown), class_agnostic)
    measured = measure(annotations, results, options, workers=workers, progress=progress)
    return match_measured(measured, dataset, class_agnostic=class_agnostic)


def match_measured(
    measured: Measured, dataset: str = "ovis", *, class_agnostic: bool = False
) -> Matching:
    """Matches tracks whose overlaps are known.

    Args:
      measured: ground truth and overlaps.
      dataset: one of DATASETS.
      class_agnostic: the overlaps are of `ALL_CATEGORIES`.
    """
    annotations, overlaps = measured.annotations, measured.overlaps
    scored = pooled_categories(annotations) if class_agnostic else annotations
    objects = objects_by_category(scored, _num_levels(dataset))
    groups = collections.defaultdict(list)
    for category, video in sorted(overlaps):
        groups[category].append((video, overlaps[category, video]))
    matches = {category: match_category(groups[category], own) for category, own in objects.items()}
    return Matching(annotations, dataset, scored.categories, measured, objects, matches)


def dropped_tracks(matching: Matching) -> list[str]:
    """Says how many tracks were dropped, and of which videos or categories; no full stop."""
    return describe_dropped(matching.measured.dropped, matching.measured.num_tracks)


def describe_dropped(dropped: Mapping[str, collections.Counter[int]], num_tracks: int) -> list[str]:
    """Says the same of `ReadResults.dropped`, and how many tracks are left."""
    found = []
    if videos := dropped["videos"]:
        shared = f"{num_tracks} tracks are scored"
        found.append(
            f"dropped {videos.total()} tracks of {len(videos)} videos that the annotations lack; "
            f"{shared}"
        )
    if categories := dropped["categories"]:
        unknown = ", ".join(map(str, sorted(categories)))
        found.append(f"dropped {categories.total()} tracks of the unknown categories {unknown}")
    if frames := dropped.get(UNANNOTATED):
        found.append(
            f"dropped {frames.total()} tracks that are in no annotated frame of their videos"
        )
    return found


def score(matching: Matching) -> Metrics:
    """The metrics of matched results."""
    matches, notes = list(matching.matches.values()), _notes(matching)
    return summarize(matches, matching.categories, matching.dataset, notes)


def _checked_unknown(names: Collection[str]) -> frozenset[str]:
    names = frozenset([names] if isinstance(names, str) else names)
    if names - set(UNKNOWN):
        given = ", ".join(sorted(map(str, names)))
        raise InputError(f"ignore_unknown: expected some of {', '.join(UNKNOWN)}, is {given}")
    return names


def _num_levels(dataset: str) -> int:
    """Occlusion ranges that are scored, from the first one on."""
    return len(OCCLUSION_RANGES) if dataset == "ovis" else 1


def _notes(matching: Matching) -> list[str]:
    """Sentences on what is unusual."""
    notes = []
    objects = [i for i in matching.annotations.instances if not i.iscrowd]
    if not objects:
        notes.append("The ground truth has no object, so there is nothing to find.")
    crowds = many_crowds(matching.annotations, FLAGS.crowds)
    if crowds:
        notes.append(f"{crowds}.")
    if not matching.num_tracks:
        notes.append("The results have no track.")
    if repeated := matching.measured.num_repeated:
        notes.append(
            f"{repeated} of {matching.num_tracks} tracks are the same as an earlier one; each "
            "counts, as in the official evaluator."
        )
    if matching.categories == (ALL_CATEGORIES,):
        notes.append(
            "Categories are not looked at; AR1, AR10 and AR100 are with 1, 10 and 100 tracks of "
            "each video."
        )
    if partial := [v for v in matching.annotations.videos if v.annotated_frames is not None]:
        annotated = sum(len(video.annotated_frames) for video in partial)
        notes.append(
            f"In {len(partial)} videos {annotated} of {sum(v.length for v in partial)} frames are "
            "annotated; the others are not looked at."
        )
    if any(instance.id == 0 for instance in objects):
        notes.append("An object has the id 0, whose matches the official evaluator does not count.")
    unlabelled = sum(
        int(np.isnan(o.occlusion[~o.is_crowd]).sum()) for o in matching.objects.values()
    )
    if matching.dataset == "ovis" and unlabelled:
        notes.append(
            f"{unlabelled} of {len(objects)} objects have no occlusion label; "
            "they count in no occlusion group."
        )
    return notes
