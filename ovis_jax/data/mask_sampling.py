"""Reads a run-length mask at some of its pixels without decoding the others.

A 1920x1080 mask is needed at 640x360: the runs are looked up at the wanted rows and columns only,
and only where the object is.
"""

from __future__ import annotations

import numpy as np


def sample_mask(rle: dict, rows: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """Values of a mask on a grid of its rows and columns.

    Args:
      rle: compressed COCO RLE, `{"size": [h, w], "counts": str | bytes}`.
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


def run_lengths(counts: str | bytes) -> np.ndarray:
    """Decodes the `counts` of a compressed RLE.

    A number is a string of characters with five bits each, lowest first, 32 marking that more
    follow and the sign in the last one's highest bit; from the fourth on, each is the difference
    to the number two before.

    Returns:
      [runs] int64 lengths, zeros and ones in turn, beginning with zeros.
    """
    if isinstance(counts, str):
        counts = counts.encode("ascii")
    digits = np.frombuffer(counts, np.uint8).astype(np.int64) - 48
    last = (digits & 32) == 0  # of each number
    starts = (
        np.flatnonzero(np.concatenate([[True], last[:-1]])) if digits.size else np.zeros(0, int)
    )
    if not starts.size:
        return starts
    place = np.arange(digits.size) - np.repeat(starts, np.diff(np.append(starts, digits.size)))
    numbers = np.add.reduceat((digits & 31) << (5 * place), starts)
    negative = (digits[last] & 16) != 0
    numbers -= np.where(negative, 1 << (5 * (place[last] + 1)), 0)
    numbers[1::2] = np.cumsum(numbers[1::2])
    numbers[2::2] = np.cumsum(numbers[2::2])
    return numbers
