"""Overlap of tracks in space and time."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from ovis_jax.evaluation.mask_columns import MAX_PIXELS, mask_columns
from ovis_jax.formats import rle
from ovis_jax.formats.segmentations import Segmentations

_BATCH = 1 << 18  # characters of masks that are read at once


def track_iou(tracks: Sequence[Segmentations], truth: Sequence[Segmentations]) -> np.ndarray:
    """Intersection over union of mask tubes: both are summed over the frames, then divided.

    In a frame where only one of a pair has a mask, that mask adds to the union.

    Args:
      tracks: D tracks of one video.
      truth: G objects of the same video.

    Returns:
      [D, G] float64, exact up to one rounding; 0 where the union is empty.
    """
    tubes = [*tracks, *truth]
    areas = np.stack([tube.areas() for tube in tubes])
    totals = areas.sum(axis=1)
    shared = _shared_pixels(tubes, areas, len(tracks))
    union = totals[: len(tracks), None] + totals[len(tracks) :] - shared
    return shared / np.where(union > 0, union, 1)


@dataclasses.dataclass(frozen=True)
class _Masks:
    """N masks of F frames, frame by frame, those of tracks before those of objects.

    Attributes:
      tubes: [N] int, of which track or object, counted together.
      counts: N compressed masks.
      areas: [N] int64 pixels.
      num_tracks: [F] int, masks of tracks in each frame.
      num_objects: [F] int, masks of objects in each frame.
      size: (height, width).
    """

    tubes: np.ndarray
    counts: list[str]
    areas: np.ndarray
    num_tracks: np.ndarray
    num_objects: np.ndarray
    size: tuple[int, int]

    def pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """[P] track's and [P] object's mask of all pairs in the same frame."""
        size = self.num_tracks * self.num_objects
        both = self.num_tracks + self.num_objects
        before = np.cumsum(both) - both
        within = np.arange(size.sum()) - np.repeat(np.cumsum(size) - size, size)
        track, item = np.divmod(within, np.repeat(self.num_objects, size))
        tracks = track + np.repeat(before, size)
        return tracks, item + np.repeat(before + self.num_tracks, size)

    def shared_pixels(self, tracks: np.ndarray, objects: np.ndarray) -> np.ndarray:
        """[P], pixels of the intersections of all `pairs`."""
        masks = mask_columns(self.counts, *self.size)
        return self._merged() if masks is None else masks.shared_pixels(tracks, objects)

    def _merged(self) -> np.ndarray:
        """The same by merging run lengths."""
        masks = [{"size": self.size, "counts": counts} for counts in self.counts]
        found, place = [], 0
        for rows, columns in zip(self.num_tracks.tolist(), self.num_objects.tolist(), strict=True):
            middle, end = place + rows, place + rows + columns
            iou = rle.iou(masks[place:middle], masks[middle:end])
            totals = np.add.outer(self.areas[place:middle], self.areas[middle:end])
            pixels = np.rint(iou * totals / (1 + iou))  # I / U and A + B = I + U give I
            found.append(pixels.ravel())
            place = end
        return np.concatenate(found)


def _shared_pixels(
    tubes: Sequence[Segmentations], areas: np.ndarray, num_tracks: int
) -> np.ndarray:
    """[D, G] float64, pixels of the intersections in all frames; areas are [D + G, T]."""
    num_objects = len(tubes) - num_tracks
    shared = np.zeros(num_tracks * num_objects)
    for masks in _batches(tubes, areas, num_tracks):
        pairs = masks.pairs()
        places = masks.tubes[pairs[0]] * num_objects + masks.tubes[pairs[1]] - num_tracks
        shared += np.bincount(places, masks.shared_pixels(*pairs), minlength=shared.size)
    return shared.reshape(num_tracks, num_objects)


def _batches(
    tubes: Sequence[Segmentations], areas: np.ndarray, num_tracks: int
) -> Iterator[_Masks]:
    """Masks of frames that have some on both sides, as many frames at a time as are read well."""
    visible = areas > 0
    numbers = np.stack([side.sum(axis=0) for side in np.split(visible, [num_tracks])])  # [2, T]
    visible &= numbers.all(axis=0)
    frames, owners = np.nonzero(visible.T)
    if not frames.size:
        return
    counts = _counts(tubes, owners.tolist(), frames.tolist())
    size = tubes[0].size
    weight = np.fromiter(map(len, counts), np.int64, len(counts)) / _BATCH
    weight = np.maximum(weight, 2 * size[0] * size[1] / MAX_PIXELS)
    present = np.flatnonzero(numbers.all(axis=0))
    begin = np.searchsorted(frames, present)
    batch = np.cumsum(np.add.reduceat(weight, begin)).astype(np.int64)
    edges = [0, *(np.flatnonzero(batch[1:] - batch[:-1]) + 1).tolist(), present.size]
    for one, other in itertools.pairwise(edges):
        own = slice(begin[one], begin[other] if other < begin.size else frames.size)
        yield _Masks(
            owners[own],
            counts[own],
            areas[owners[own], frames[own]],
            *numbers[:, present[one:other]],
            size,
        )


def _counts(
    tubes: Sequence[Segmentations], owners: Sequence[int], frames: Sequence[int]
) -> list[str]:
    """Compressed masks of some tubes and frames."""
    entries = [tube.entries for tube in tubes]
    counts = [entries[owner][frame] for owner, frame in zip(owners, frames, strict=True)]
    for place, entry in enumerate(counts):
        if type(entry) is not str:  # polygons
            counts[place] = tubes[owners[place]].counts(frames[place])
    return counts
