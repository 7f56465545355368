"""Assigns tracks to annotated objects within one video and category."""

from __future__ import annotations

import dataclasses

import numpy as np

IOU_THRESHOLDS = np.linspace(0.5, 0.95, 10)
_PERFECT = 1 - 1e-10


@dataclasses.dataclass(frozen=True)
class Matches:
    """Assignment of D tracks of one video and category, by descending score.

    Attributes:
      scores: [D] float64, descending.
      truth: [cells, thresholds, D] int, position of the object that a track is matched to, or -1.
      ignored: [cells, thresholds, D] bool: the track counts neither as right nor as wrong.
      num_positives: [cells] int, objects to be found.
    """

    scores: np.ndarray
    truth: np.ndarray
    ignored: np.ndarray
    num_positives: np.ndarray


def match_tracks(
    scores: np.ndarray,
    iou: np.ndarray,
    is_crowd: np.ndarray,
    truth_ignored: np.ndarray,
    unmatched_ignored: np.ndarray,
) -> Matches:
    """Matches greedily by descending score, in all cells and at all thresholds at once.

    A track takes the free object with the highest IoU that reaches the threshold, among equals the
    last one. Objects to be ignored are looked at only if there is no other; a crowd stays free.

    Args:
      scores: [D], descending.
      iou: [D, G] of tracks with objects.
      is_crowd: [G] bool.
      truth_ignored: [cells, G] bool: the object need not be found in the cell.
      unmatched_ignored: [cells, D] bool: the track is ignored in the cell if it is not matched.
    """
    num_cells, num_truth = truth_ignored.shape
    shape = (num_cells, len(IOU_THRESHOLDS), len(scores))
    matched = np.full(shape, -1)
    matched_ignored = np.zeros(shape, bool)
    free = np.ones((num_cells, len(IOU_THRESHOLDS), num_truth), bool)
    wanted = ~truth_ignored[:, None]  # [cells, 1, G]
    reached = iou[:, None] >= np.minimum(IOU_THRESHOLDS, _PERFECT)[:, None]  # [D, thresholds, G]
    cells, thresholds = np.ogrid[:num_cells, : len(IOU_THRESHOLDS)]
    for track in np.flatnonzero(reached.any(axis=(1, 2))):
        possible = free & reached[track]
        preferred = possible & wanted
        candidates = np.where(preferred.any(axis=-1, keepdims=True), preferred, possible)
        found = candidates.any(axis=-1)
        best = _last_argmax(np.where(candidates, iou[track], -1.0))
        matched[..., track] = np.where(found, best, -1)
        matched_ignored[..., track] = found & truth_ignored[cells, best]
        free[cells, thresholds, best] &= ~found | is_crowd[best]
    ignored = np.where(matched >= 0, matched_ignored, unmatched_ignored[:, None])
    return Matches(scores, matched, ignored, (~truth_ignored).sum(axis=1))


def _last_argmax(values: np.ndarray) -> np.ndarray:
    """Position of the largest value along the last axis, the last one of equals."""
    return values.shape[-1] - 1 - values[..., ::-1].argmax(axis=-1)
