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
      rows: [R] int in [0, h).
      columns: [C] int in [0, w), ascending or descending.

    Returns:
      [R, C] bool, `decode(rle)[rows][:, columns]`.
    """
    height = rle["size"][0]
    ends = np.cumsum(run_lengths(rle["counts"]))  # runs go down the columns; odd runs are ones
    mask = np.zeros((len(rows), len(columns)), bool)
    if len(ends) < 2:
        return mask
    first, last = ends[0] // height, (ends[1::2][-1] - 1) // height  # columns of the object
    covered = np.flatnonzero((columns >= first) & (columns <= last))
    if covered.size:
        positions = columns[covered][:, None] * height + rows  # [C', R]
        runs = np.searchsorted(ends, positions, side="right")
        mask[:, covered[0] : covered[-1] + 1] = (runs & 1).T
    return mask
