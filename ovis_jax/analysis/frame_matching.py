"""Which track shows which object in each frame, as CLEAR MOT matches them.

Source: Bernardin and Stiefelhagen, "Evaluating multiple object tracking performance: the CLEAR MOT
metrics", 2008.
"""

from __future__ import annotations

import numpy as np

from ovis_jax.analysis.assignment import best_assignment

MIN_IOU = 0.5
"""Overlap in a frame from which on a track may be matched to an object."""

_EPSILON = np.finfo(float).eps
_CONTINUED = 1000.0  # more than any sum of IoU: going on comes before a better overlap


def match_frames(
    iou: np.ndarray, has_object: np.ndarray, has_track: np.ndarray, memory: int = 1
) -> np.ndarray:
    """Matches frame after frame: as many objects as can keep their track do, then IoU decides.

    Frames without any object or without any track are passed over and not counted, as in TrackEval.

    Args:
      iou: [T, G, P], 0 where one of the two has no mask.
      has_object: [T, G] bool.
      has_track: [T, P] bool.
      memory: an object keeps its claim to a track for so many counted frames after the match; with
        1, as CLEAR MOT has it, only a track of the frame before is kept.

    Returns:
      [T, G] int, a track or -1.
    """
    weights = np.where(iou >= MIN_IOU - _EPSILON, iou, 0.0)
    near = weights > 0
    matched = np.where(near.any(axis=2), weights.argmax(axis=2), -1) if near.size else None
    if matched is None:
        return np.full(has_object.shape, -1)
    counted = np.flatnonzero(has_object.any(axis=1) & has_track.any(axis=1))
    several = (near.sum(axis=2) > 1).any(axis=1) | (near.sum(axis=1) > 1).any(axis=1)
    last, age = np.full(iou.shape[1], -1), np.full(iou.shape[1], 0)
    for frame in counted.tolist():
        if several[frame]:  # otherwise nobody has a choice
            keeps = np.flatnonzero((last >= 0) & (age < memory))
            keeps = keeps[near[frame, keeps, last[keeps]]]
            weights[frame, keeps, last[keeps]] += _CONTINUED
            matched[frame] = best_assignment(weights[frame])
        found = matched[frame] >= 0
        last = np.where(found, matched[frame], last)
        age = np.where(found, 0, age + 1)
    return matched
