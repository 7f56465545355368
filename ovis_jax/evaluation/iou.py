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
    shared = _shared_pixels(tracks, track_areas, truth, truth_areas)
    union = track_areas.sum(axis=1)[:, None] + truth_areas.sum(axis=1) - shared
    return shared / np.where(union > 0, union, 1)


def _shared_pixels(
    tracks: Sequence[Segmentations],
    track_areas: np.ndarray,
    truth: Sequence[Segmentations],
    truth_areas: np.ndarray,
) -> np.ndarray:
    """[D, G] float64, pixels of the intersections in all frames; areas are [D, T] and [G, T].

    The C code is asked once a frame. What it finds is collected and added up at the end, since
    calls of numpy on so little cost more than the C code does.
    """
    shape = len(tracks), len(truth)
    ious, totals, pairs = [], [], []
    for frame, (rows, columns) in _common_frames(track_areas, truth_areas):
        iou = rle.iou([tracks[i][frame] for i in rows], [truth[j][frame] for j in columns])
        ious.append(iou.ravel())
        totals.append(np.add.outer(track_areas[rows, frame], truth_areas[columns, frame]).ravel())
        pairs.append(np.add.outer(np.multiply(rows, shape[1]), columns).ravel())
    if not ious:
        return np.zeros(shape)
    iou = np.concatenate(ious)
    pixels = np.rint(iou * np.concatenate(totals) / (1 + iou))  # I / U and A + B = I + U give I
    size = shape[0] * shape[1]
    return np.bincount(np.concatenate(pairs), weights=pixels, minlength=size).reshape(shape)


def _common_frames(track_areas: np.ndarray, truth_areas: np.ndarray):
    """Frames with masks on both sides: number, and which tracks and objects have one."""
    visible = [_visible(areas) for areas in (track_areas, truth_areas)]
    for frame, (rows, columns) in enumerate(zip(*visible, strict=True)):
        if rows and columns:
            yield frame, (rows, columns)


def _visible(areas: np.ndarray) -> list[list[int]]:
    """For each frame the indices of those with a pixel."""
    visible: list[list[int]] = [[] for _ in range(areas.shape[1])]
    frames, indices = np.nonzero(areas.T)
    for frame, index in zip(frames.tolist(), indices.tolist(), strict=True):
        visible[frame].append(index)
    return visible


def _areas(tracks: Sequence[Segmentations]) -> np.ndarray:
    """[N, T] int64, pixels of each mask."""
    return np.stack([track.areas() for track in tracks])
