"""Reads a run-length mask at some of its pixels without decoding the others.

A 1920x1080 mask is needed at 640x360: the runs are looked up at the wanted rows and columns only,
and only where the object is.
"""

from __future__ import annotations

import numpy as np

from ovis_jax.formats.rle_runs import run_lengths


def sample_mask(rle: dict, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Values of a mask on a grid of its rows and columns.

    Args:
      rle: compressed COCO RLE, `{"size": [h, w], "counts": str}`.
      rows: [R] int in [0, h), ascending.
      columns: [C] int in [0, w), ascending or descending.

    Returns:
      [R, C] bool, `decode(rle)[rows][:, columns]`.
    """
    if columns.size and columns[0] > columns[-1]:
        return sample_mask(rle, rows, columns[::-1])[:, ::-1]
    if not np.diff(columns).all():
        once, places = np.unique(columns, return_inverse=True)
        return sample_mask(rle, rows, once)[:, places]
    height = rle["size"][0]
    ends = np.cumsum(run_lengths(rle["counts"]))  # runs go down the columns; odd runs are ones
    mask = np.zeros((len(rows), len(columns)), bool)
    if len(ends) < 2:
        return mask
    first, last = ends[0] // height, (ends[1::2][-1] - 1) // height  # columns of the object
    low, high = np.searchsorted(columns, [first, last + 1])
    points = _points_before(ends, height, rows, columns[low:high])
    values = np.arange(len(ends)) % 2 == 1
    runs = np.repeat(values, np.diff(points, prepend=0))
    mask[:, low:high] = runs.reshape(high - low, len(rows)).T
    return mask


def _points_before(
    ends: np.ndarray, height: int, rows: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """How many points of the grid, taken column by column, lie before each position.

    Args:
      ends: [runs] int, positions in the mask, counted down its columns.
      height: of the mask.
      rows: [R] int, ascending.
      columns: [C] int, ascending.
    """
    x, y = np.divmod(ends, height)
    before = np.searchsorted(columns, x)
    reached = columns[np.minimum(before, len(columns) - 1)] == x if len(columns) else x < 0
    return before * len(rows) + np.where(reached, np.searchsorted(rows, y), 0)
