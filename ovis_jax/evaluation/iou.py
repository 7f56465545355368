"""Intersection over union of whole tracks."""

from collections.abc import Sequence

import numpy as np

from ovis_jax.formats import rle
from ovis_jax.formats.segmentations import Segmentations


def track_ious(results: Sequence[Segmentations], truths: Sequence[Segmentations]) -> np.ndarray:
    """Pixels that two tracks share in all frames, over the pixels that either covers.

    Pixels are added up over the frames as integers and divided once, so the value is exact.

    Args:
      results: D tracks of T frames.
      truths: G tracks of the same video.

    Returns:
      [D, G] float64 in [0, 1]; 0 for two tracks without a pixel.
    """
    if not results or not truths:
        return np.zeros((len(results), len(truths)))
    result_areas = np.stack([track.areas() for track in results])  # [D, T]
    truth_areas = np.stack([track.areas() for track in truths])  # [G, T]
    shared = np.zeros((len(results), len(truths)), np.int64)
    for frame in range(result_areas.shape[1]):
        rows, columns = (
            np.flatnonzero(result_areas[:, frame]),
            np.flatnonzero(truth_areas[:, frame]),
        )
        if rows.size and columns.size:
            ious = rle.iou([results[d][frame] for d in rows], [truths[g][frame] for g in columns])
            sums = result_areas[rows, frame][:, None] + truth_areas[columns, frame]
            shared[np.ix_(rows, columns)] += _intersections(ious, sums)
    union = result_areas.sum(1)[:, None] + truth_areas.sum(1) - shared
    return shared / np.maximum(union, 1)


def _intersections(ious: np.ndarray, sums: np.ndarray) -> np.ndarray:
    """Pixels shared by two masks, from their IoU and the sum of their areas; exact by rounding."""
    return np.rint(ious * sums / (1 + ious)).astype(np.int64)
