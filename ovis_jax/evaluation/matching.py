"""Which track is matched to which object, under all conditions at once.

Conditions are the cells of `ovis_jax.evaluation.groups` and the IoU thresholds.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ovis_jax.evaluation.groups import AREA_RANGES, within_area
from ovis_jax.evaluation.objects import Objects
from ovis_jax.evaluation.overlaps import Overlaps

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
_PERFECT = 1 - 1e-10
_REQUIRED = np.minimum(IOU_THRESHOLDS, _PERFECT)


@dataclasses.dataclass(frozen=True)
class Matches:
    """Assignment of N tracks to the G objects of a category, by video id, then descending score.

    Attributes:
      scores: [N] float64.
      ranks: [N] int, how many tracks of the video are surer.
      videos: [N] int64, ids.
      truth: [cells, thresholds, N] int32, index of the object that a track is matched to, or -1.
      ignored: [cells, thresholds, N] bool: the track counts neither as right nor as wrong.
      object_videos: [G] int64, ids.
      wanted: [cells, G] bool, objects to be found.
    """

    scores: np.ndarray
    ranks: np.ndarray
    videos: np.ndarray
    truth: np.ndarray
    ignored: np.ndarray
    object_videos: np.ndarray
    wanted: np.ndarray


def match_category(groups: Sequence[tuple[int, Overlaps]], objects: Objects) -> Matches:
    """Matches greedily by descending score, in all cells and at all thresholds at once.

    A track takes the free object with the highest IoU that reaches the threshold, among equals the
    last one. Objects to be ignored are looked at only if there is no other; a crowd stays free.

    Args:
      groups: id of a video and its overlaps, by ascending id.
      objects: of the category.
    """
    sizes = [len(overlaps.scores) for _, overlaps in groups]
    starts = np.cumsum([0, *sizes])
    shape = (len(objects.ignored), len(IOU_THRESHOLDS), int(starts[-1]))
    truth = np.full(shape, -1, np.int32)
    own, own_iou = np.full(shape[-1], -1), np.zeros(shape[-1])
    for (video, overlaps), start in zip(groups, starts.tolist(), strict=False):
        if not overlaps.iou.size:
            continue
        first, near = objects.first_of(video), overlaps.iou >= _REQUIRED[0]
        tracks = slice(start, start + len(near))
        if near.sum(axis=1).max() <= 1:
            own[tracks], own_iou[tracks] = first + near.argmax(axis=1), overlaps.iou.max(axis=1)
        else:
            members = slice(first, first + near.shape[1])
            free = match_in_turn(
                overlaps.iou, objects.is_crowd[members], objects.ignored[:, members]
            )
            truth[:, :, tracks] = np.where(free >= 0, free + first, -1)
    _give_to_first(truth, own, own_iou, objects.is_crowd)
    areas = _joined([overlaps.areas for _, overlaps in groups])
    return Matches(
        scores=_joined([overlaps.scores for _, overlaps in groups]),
        ranks=_joined([np.arange(size) for size in sizes]).astype(int),
        videos=np.repeat(np.array([video for video, _ in groups], np.int64), sizes),
        truth=truth,
        ignored=_ignored(truth, objects.ignored, areas),
        object_videos=objects.videos,
        wanted=~objects.ignored,
    )


def match_in_turn(iou: np.ndarray, is_crowd: np.ndarray, truth_ignored: np.ndarray) -> np.ndarray:
    """Matches tracks that may have a choice between objects, one after the other.

    Args:
      iou: [D, G], tracks by descending score.
      is_crowd: [G] bool.
      truth_ignored: [cells, G] bool.

    Returns:
      [cells, thresholds, D] int, index of an object or -1.
    """
    num_cells, num_truth = truth_ignored.shape
    matched = np.full((num_cells, len(IOU_THRESHOLDS), len(iou)), -1)
    free = np.ones((num_cells, len(IOU_THRESHOLDS), num_truth), bool)
    wanted = ~truth_ignored[:, None]  # [cells, 1, G]
    reached = iou[:, None] >= _REQUIRED[:, None]  # [D, thresholds, G]
    cells, thresholds = np.ogrid[:num_cells, : len(IOU_THRESHOLDS)]
    for track in np.flatnonzero(reached.any(axis=(1, 2))):
        possible = free & reached[track]
        preferred = possible & wanted
        candidates = np.where(preferred.any(axis=-1, keepdims=True), preferred, possible)
        found = candidates.any(axis=-1)
        best = _last_argmax(np.where(candidates, iou[track], -1.0))
        matched[..., track] = np.where(found, best, -1)
        free[cells, thresholds, best] &= ~found | is_crowd[best]
    return matched


def _give_to_first(
    truth: np.ndarray, own: np.ndarray, own_iou: np.ndarray, is_crowd: np.ndarray
) -> None:
    """Matches, in place, tracks that have no choice: each object takes the first that reaches it.

    Args:
      truth: [cells, thresholds, N] int.
      own: [N] int, the only object that a track can take.
      own_iou: [N] IoU with it; 0 if there is none.
      is_crowd: [G] bool.
    """
    for threshold, required in enumerate(_REQUIRED):
        reached = np.flatnonzero(own_iou >= required)
        _, first = np.unique(own[reached], return_index=True)
        taken = np.union1d(reached[first], reached[is_crowd[own[reached]]])
        truth[:, threshold, taken] = own[taken]


def _ignored(truth: np.ndarray, truth_ignored: np.ndarray, areas: np.ndarray) -> np.ndarray:
    """[cells, thresholds, N] bool: matched to what is ignored, or of another size and unmatched."""
    levels = len(truth_ignored) // len(AREA_RANGES)
    outside = np.repeat(~within_area(areas), levels, axis=0)[:, None]
    if not truth_ignored.size:
        return np.broadcast_to(outside, truth.shape)
    cells = np.arange(len(truth))[:, None, None]
    return np.where(truth >= 0, truth_ignored[cells, truth], outside)


def _joined(arrays: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0), *arrays])


def _last_argmax(values: np.ndarray) -> np.ndarray:
    """Position of the largest value along the last axis, the last one of equals."""
    return values.shape[-1] - 1 - values[..., ::-1].argmax(axis=-1)
