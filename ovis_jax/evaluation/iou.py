"""Overlap of tracks in space and time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import numpy as np

from ovis_jax.evaluation.mask_columns import MAX_PIXELS, mask_columns, shared_pixels
from ovis_jax.formats import rle
from ovis_jax.formats.segmentations import Segmentations

_BATCH = 1 << 17  # characters of masks that are read at once


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
    frames = _common_frames(tracks, track_areas, truth, truth_areas)
    shared = _shared_pixels(frames, (len(tracks), len(truth)))
    union = track_areas.sum(axis=1)[:, None] + truth_areas.sum(axis=1) - shared
    return shared / np.where(union > 0, union, 1)


@dataclasses.dataclass(frozen=True)
class _Frame:
    """A frame with masks on both sides: of R tracks and C objects.

    Attributes:
      rows: R numbers of tracks.
      columns: C numbers of objects.
      counts: of R + C compressed masks.
      size: (height, width).
      areas: [R + C] int64 pixels.
    """

    rows: list[int]
    columns: list[int]
    counts: list[str]
    size: tuple[int, int]
    areas: np.ndarray


def _shared_pixels(frames: Iterator[_Frame], shape: tuple[int, int]) -> np.ndarray:
    """[D, G] float64, pixels of the intersections in all frames.

    What is found is collected and added up at the end, since calls of numpy on so little cost more
    than they do.
    """
    pixels, pairs = [], []
    for batch in _batches(frames):
        pixels += _batch_pixels(batch)
        for frame in batch:
            pairs.append(np.add.outer(np.multiply(frame.rows, shape[1]), frame.columns).ravel())
    if not pixels:
        return np.zeros(shape)
    size = shape[0] * shape[1]
    pairs, pixels = np.concatenate(pairs), np.concatenate(pixels)
    return np.bincount(pairs, weights=pixels, minlength=size).reshape(shape)


def _batches(frames: Iterator[_Frame]) -> Iterator[list[_Frame]]:
    """As many frames at a time as are read well together."""
    batch, characters, pixels = [], 0, 0
    for frame in frames:
        own = sum(map(len, frame.counts))
        own_pixels = len(frame.counts) * frame.size[0] * frame.size[1]
        if batch and (characters + own > _BATCH or pixels + own_pixels >= MAX_PIXELS):
            yield batch
            batch, characters, pixels = [], 0, 0
        batch.append(frame)
        characters, pixels = characters + own, pixels + own_pixels
    if batch:
        yield batch


def _batch_pixels(batch: Sequence[_Frame]) -> list[np.ndarray]:
    """For each frame [R * C], pixels of the intersections."""
    masks = mask_columns([counts for frame in batch for counts in frame.counts], *batch[0].size)
    if masks is None:
        return [_merged_pixels(frame) for frame in batch]
    found, place = [], 0
    for frame in batch:
        middle, end = place + len(frame.rows), place + len(frame.counts)
        found.append(shared_pixels(masks, slice(place, middle), slice(middle, end)).ravel())
        place = end
    return found


def _merged_pixels(frame: _Frame) -> np.ndarray:
    """[R * C], pixels of the intersections, found by merging run lengths."""
    masks = [{"size": frame.size, "counts": counts} for counts in frame.counts]
    middle = len(frame.rows)
    iou = rle.iou(masks[:middle], masks[middle:])
    totals = np.add.outer(frame.areas[:middle], frame.areas[middle:])
    return np.rint(iou * totals / (1 + iou)).ravel()  # I / U and A + B = I + U give I


def _common_frames(
    tracks: Sequence[Segmentations],
    track_areas: np.ndarray,
    truth: Sequence[Segmentations],
    truth_areas: np.ndarray,
) -> Iterator[_Frame]:
    """Frames with masks on both sides; areas are [D, T] and [G, T]."""
    masks = [*tracks, *truth]
    areas = np.concatenate([track_areas, truth_areas])
    for frame, visible in enumerate(_visible(areas)):
        rows = [number for number in visible if number < len(tracks)]
        columns = [number - len(tracks) for number in visible[len(rows) :]]
        if rows and columns:
            counts = [masks[number].counts(frame) for number in visible]
            yield _Frame(rows, columns, counts, masks[0].size, areas[visible, frame])


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
