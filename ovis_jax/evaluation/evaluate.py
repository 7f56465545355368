"""Annotations and results to metrics, as the official OVIS and YouTube-VIS evaluators count."""

import dataclasses
import math
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from ovis_jax.evaluation.accumulate import RECALL_POINTS, RESULT_LIMITS, accumulate
from ovis_jax.evaluation.groups import group_shape, ignored_truths, uncounted_results
from ovis_jax.evaluation.iou import track_ious
from ovis_jax.evaluation.matching import IOU_THRESHOLDS, MAX_DETECTIONS, Matches, match
from ovis_jax.evaluation.occlusion import instance_occlusion
from ovis_jax.evaluation.summary import Metrics
from ovis_jax.formats.annotations import Annotations, Instance
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.results import TrackResult, load_results

DATASETS = ("ovis", "ytvis")


def evaluate(
    annotations: Annotations,
    results: Sequence[TrackResult] | Sequence[dict],
    dataset: str = "ovis",
) -> Metrics:
    """Average precision and recall of tracks.

    Args:
      annotations: with ground truth.
      results: from `load_results` with the same annotations, or its records, which are checked
        here. The order decides between equal scores of one video.
      dataset: "ovis", or "ytvis" without groups by occlusion.

    Raises:
      InputError: the annotations have no ground truth, or records do not fit them.
      ValueError: another `dataset`.
    """
    if dataset not in DATASETS:
        raise ValueError(f"dataset: expected one of {', '.join(DATASETS)}, is {dataset!r}")
    if not annotations.has_ground_truth:
        raise InputError(f"{annotations.path}: annotations: null, expected ground truth")
    if any(isinstance(result, dict) for result in results):
        results = load_results(results, annotations)
    by_occlusion = dataset == "ovis"
    occlusion, notes = instance_occlusion(annotations.instances) if by_occlusion else (None, [])
    material = _Material(
        annotations.instances,
        ignored_truths(annotations.instances, occlusion),
        results,
        uncounted_results(results, by_occlusion),
    )
    precision, recall = _curves(material, annotations, group_shape(by_occlusion))
    notes = (*notes, *_notes(annotations, results))
    return Metrics(precision, recall, annotations.categories, notes)


@dataclasses.dataclass(frozen=True, eq=False)
class _Material:
    """N objects and P results of all videos and categories, with what holds in the C groups.

    Attributes:
      instances: N objects.
      ignored: [C, N] bool, see `ignored_truths`.
      results: P tracks.
      uncounted: [C, P] bool, see `uncounted_results`.
    """

    instances: Sequence[Instance]
    ignored: np.ndarray
    results: Sequence[TrackResult]
    uncounted: np.ndarray

    def match(self, truth_index: list[int], result_index: list[int]) -> Matches:
        """Matches the objects and results of one video and category, given by their positions."""
        scores = np.array([self.results[i].score for i in result_index])
        order = np.argsort(-scores, kind="stable")[:MAX_DETECTIONS]
        result_index = np.array(result_index, int)[order]
        truths = [self.instances[i] for i in truth_index]
        tracks = [self.results[i].segmentations for i in result_index]
        return match(
            scores[order],
            track_ious(tracks, [truth.segmentations for truth in truths]),
            self.uncounted[:, result_index],
            self.ignored[:, np.array(truth_index, int)],
            np.array([truth.iscrowd for truth in truths], bool),
        )


def _curves(
    material: _Material, annotations: Annotations, shape: tuple[int, int]
) -> tuple[np.ndarray, np.ndarray]:
    """Precision [T, R, K, A, O, M] and recall [T, K, A, O, M]; `shape` is (A, O)."""
    truths, tracks = _positions(material.instances), _positions(material.results)
    kinds, limits = len(annotations.categories), len(RESULT_LIMITS)
    precision = np.empty((len(IOU_THRESHOLDS), len(RECALL_POINTS), kinds, *shape, limits))
    recall = np.empty((len(IOU_THRESHOLDS), kinds, *shape, limits))
    video_ids = sorted(video.id for video in annotations.videos)
    for k, category in enumerate(annotations.categories):
        pairs = [(video_id, category.id) for video_id in video_ids]
        videos = [material.match(truths[p], tracks[p]) for p in pairs if p in truths or p in tracks]
        in_groups = accumulate(videos, math.prod(shape))  # [T, R, C, M] and [T, C, M]
        precision[:, :, k] = in_groups[0].reshape(precision[:, :, k].shape)
        recall[:, k] = in_groups[1].reshape(recall[:, k].shape)
    return precision, recall


def _positions(
    entries: Sequence[Instance] | Sequence[TrackResult],
) -> defaultdict[tuple[int, int], list[int]]:
    """Where the entries of each video and category stand, in order."""
    positions = defaultdict(list)
    for position, entry in enumerate(entries):
        positions[entry.video_id, entry.category_id].append(position)
    return positions


def _notes(annotations: Annotations, results: Sequence[TrackResult]) -> list[str]:
    notes = []
    if not annotations.instances:
        notes.append("the annotations have no object, so there is nothing to measure")
    if not len(results):
        notes.append("the results have no track")
    if any(instance.id == 0 for instance in annotations.instances):
        notes.append("an object has the id 0; the official code never counts it as found")
    return notes
