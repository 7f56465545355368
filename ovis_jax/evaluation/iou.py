"""Overlap of tracks in space and time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovis_jax.formats import rle
from ovis_jax.formats.segmentations import Segmentations


def track_iou(tracks: Sequence[Segmentations], truth: Sequence[Segmentations]) -> np.ndarray:
    """Intersection over union of mask tubes: both are summed over the frames, then divided.

    In a frame where only one of a pair has a mask, that mask adds to the union.

    Args:
      tracks: D tracks of one video.
      truth: G objects of the same video.

    Returns:
      [D, G] float64, exact up to one rounding; 0 where the union is empty.
    """
    track_areas, truth_areas = _areas(tracks), _areas(truth)
    shared = np.zeros((len(tracks), len(truth)))
    in_frame = (track_areas > 0).any(axis=0) & (truth_areas > 0).any(axis=0)
    for frame in np.flatnonzero(in_frame).tolist():
        rows = np.flatnonzero(track_areas[:, frame])
        columns = np.flatnonzero(truth_areas[:, frame])
        iou = rle.iou([tracks[i][frame] for i in rows], [truth[j][frame] for j in columns])
        total = track_areas[rows, frame, None] + truth_areas[columns, frame]
        shared[np.ix_(rows, columns)] += _intersection(iou, total)
    union = track_areas.sum(axis=1)[:, None] + truth_areas.sum(axis=1) - shared
    return shared / np.where(union > 0, union, 1)


def _intersection(iou: np.ndarray, total: np.ndarray) -> np.ndarray:
    """Whole pixels of an intersection, from its quotient with the union and the sum of areas."""
    return np.rint(iou * total / (1 + iou))


def _areas(tracks: Sequence[Segmentations]) -> np.ndarray:
    """[N, T] int64, pixels of each mask."""
    return np.stack([track.areas() for track in tracks])
