"""Ground truth and results → metrics: the story of an evaluation.

The rules are those of the official OVIS and YouTube-VIS evaluators.
"""

from __future__ import annotations

import pathlib
from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from ovis_jax.evaluation.accumulate import MAX_DETECTIONS, Curves, accumulate, stack_curves
from ovis_jax.evaluation.groups import (
    AREA_RANGES,
    OCCLUSION_RANGES,
    average_area,
    within_area,
    within_occlusion,
)
from ovis_jax.evaluation.iou import track_iou
from ovis_jax.evaluation.matching import Matches, match_tracks
from ovis_jax.evaluation.occlusion import occlusion_score
from ovis_jax.evaluation.summary import DATASETS, Metrics, summarize
from ovis_jax.formats.annotations import Annotations, Instance, load_annotations
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.results import TrackResult, load_results


def evaluate(
    annotations: Annotations | pathlib.Path | str,
    results: pathlib.Path | str | Iterable[dict] | Iterable[TrackResult],
    dataset: str = "ovis",
) -> Metrics:
    """Scores predicted tracks.

    Args:
      annotations: ground truth, or the path of its file.
      results: path of a results file, its records, or tracks that `load_results` has checked.
      dataset: "ovis" for 18 numbers; "ytvis" for the 12 without occlusion groups.

    Raises:
      InputError: a file cannot be used, or there is no ground truth.
    """
    if dataset not in DATASETS:
        raise InputError(f"dataset: expected one of {', '.join(DATASETS)}, is {dataset!r}")
    if not isinstance(annotations, Annotations):
        annotations = load_annotations(annotations)
    if not annotations.has_ground_truth:
        raise InputError(
            f"{annotations.path}: annotations: null, so this file has no ground truth to score with"
        )
    tracks = _checked(results, annotations)
    occlusion_levels = len(OCCLUSION_RANGES) if dataset == "ovis" else 1
    curves = _curves(annotations, tracks, occlusion_levels)
    notes = _notes(annotations, tracks, dataset)
    return summarize(curves, annotations.categories, dataset, notes)


def _checked(
    results: pathlib.Path | str | Iterable[dict] | Iterable[TrackResult], annotations: Annotations
) -> list[TrackResult]:
    """Tracks as they are; a file or records are read and checked."""
    if isinstance(results, pathlib.Path | str):
        return load_results(results, annotations)
    results = list(results)
    if results and all(isinstance(result, TrackResult) for result in results):
        return results
    return load_results(results, annotations)


def _curves(
    annotations: Annotations, tracks: Sequence[TrackResult], occlusion_levels: int
) -> Curves:
    """Matches tracks video by video and category by category."""
    truth_of, tracks_of = defaultdict(list), defaultdict(list)
    for instance in annotations.instances:
        truth_of[instance.category_id, instance.video_id].append(instance)
    for track in tracks:
        tracks_of[track.category_id, track.video_id].append(track)
    matches_of: dict[int, list[Matches]] = {category.id: [] for category in annotations.categories}
    for category, video in sorted(truth_of.keys() | tracks_of.keys()):
        group = truth_of[category, video], tracks_of[category, video]
        matches_of[category].append(match_group(*group, occlusion_levels))
    num_cells = len(AREA_RANGES) * occlusion_levels
    return _unfold(
        [accumulate(matches, num_cells) for matches in matches_of.values()], occlusion_levels
    )


def match_group(
    truth: Sequence[Instance], tracks: Sequence[TrackResult], occlusion_levels: int
) -> Matches:
    """Matches tracks and objects of one video and category.

    Args:
      truth: objects in the order of the file.
      tracks: tracks in the order of the file; the surest 100 count.
      occlusion_levels: number of occlusion ranges, from the first one on.
    """
    scores = np.array([track.score for track in tracks], np.float64)
    order = np.argsort(-scores, kind="stable")[: MAX_DETECTIONS[-1]]
    tracks = [tracks[i] for i in order]
    iou = np.zeros((len(tracks), len(truth)))
    if tracks and truth:
        iou = track_iou([t.segmentations for t in tracks], [i.segmentations for i in truth])
    areas = np.array([average_area(track.segmentations.areas()) for track in tracks])
    is_crowd = np.array([instance.iscrowd for instance in truth], bool)
    return match_tracks(
        scores[order],
        iou,
        is_crowd,
        is_crowd | ~_within_cells(truth, occlusion_levels),
        np.repeat(~within_area(areas), occlusion_levels, axis=0),
    )


def _within_cells(truth: Sequence[Instance], occlusion_levels: int) -> np.ndarray:
    """[cells, G] bool: the objects that each cell is about."""
    areas = within_area(np.array([average_area(instance.areas) for instance in truth]))
    levels = within_occlusion(np.array([occlusion_score(i.occlusion) for i in truth]))
    within = areas[:, None] & levels[:occlusion_levels]
    return within.reshape(len(AREA_RANGES) * occlusion_levels, len(truth))


def _unfold(categories: Sequence[Curves], occlusion_levels: int) -> Curves:
    """Stacks categories, and splits the axis of cells into areas and occlusions."""
    stacked = stack_curves(categories)
    split = (len(categories), len(AREA_RANGES), occlusion_levels)
    arrays = (stacked.precision, stacked.scores, stacked.recall)
    return Curves(*(array.reshape(*split, *array.shape[2:]) for array in arrays))


def _notes(annotations: Annotations, tracks: Sequence[TrackResult], dataset: str) -> list[str]:
    """Sentences on what is unusual."""
    notes = []
    objects = [instance for instance in annotations.instances if not instance.iscrowd]
    if not objects:
        notes.append("The ground truth has no object, so there is nothing to find.")
    if not tracks:
        notes.append("The results have no track.")
    if any(instance.id == 0 for instance in objects):
        notes.append("An object has the id 0, whose matches the official evaluator does not count.")
    unlabelled = sum(np.isnan(occlusion_score(i.occlusion)) for i in objects)
    if dataset == "ovis" and unlabelled:
        notes.append(
            f"{unlabelled} of {len(objects)} objects have no occlusion label; "
            "they count in no occlusion group."
        )
    return notes
