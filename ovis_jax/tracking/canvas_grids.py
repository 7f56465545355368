"""Masks of grids over the whole canvas: from cells to the pixels of the original frame; numpy.

What a system's published code does on the way, cutting and enlarging in its own order, is linear in
each axis: a matrix of weights for the rows and one for the columns.
"""

from collections.abc import Callable

import numpy as np

from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.paste import OriginalFrame, encode_crop

GRID_STRIDE = 4  # pixels of the canvas from cell to cell of a grid, in most systems
_MIN_LOGIT = -80.0  # its exponential is still finite

AxisWeights = Callable[[int, int, int], np.ndarray]
"""Of a side (cells of the grid, pixels of the resized frame, of the original one): weights
[original, cells] float32 of the cells in the pixels; each row adds up to 1."""


def paste_grids(
    cells: np.ndarray, threshold: float, frame: OriginalFrame, weights: AxisWeights
) -> list[dict]:
    """A run-length mask for each object: its pixels whose mix of cells is above a threshold.

    Args:
      cells: [D, h, w] float32, on grids over the canvas.
      threshold: of a mix.
      frame: that the masks are for.
      weights: of a side.
    """
    in_x, in_y = np.broadcast_to(np.float64(frame.scale), 2)
    height, width = int(frame.height * in_y + 0.5), int(frame.width * in_x + 0.5)
    by_row = weights(cells.shape[1], height, frame.height)
    by_column = weights(cells.shape[2], width, frame.width)
    return [mask_of_cells(own, threshold, by_row, by_column) for own in cells]


def probabilities(objects: FrameOutput) -> np.ndarray:
    """[D, h, w] float32, those of the mask logits of objects."""
    logits = np.asarray(objects.mask_logits, np.float32)
    return 1 / (1 + np.exp(-np.maximum(logits, _MIN_LOGIT)))


def mask_of_cells(
    cells: np.ndarray, threshold: float, by_row: np.ndarray, by_column: np.ndarray
) -> dict:
    """Run-length mask of the pixels whose mix of cells is above a threshold.

    Args:
      cells: [h, w] float32.
      threshold: of a mix.
      by_row: [H, h] weights of the cells in the rows of the frame; each adds up to 1.
      by_column: [W, w] likewise in its columns.
    """
    height, width = len(by_row), len(by_column)
    # A mix of cells is above the threshold only if one of them is: all other pixels are outside.
    inside = cells > threshold
    y1, y2 = _reached(by_row, inside.any(axis=1))
    x1, x2 = _reached(by_column, inside.any(axis=0))
    crop = by_row[y1:y2] @ cells @ by_column[x1:x2].T > threshold
    return encode_crop(np.ascontiguousarray(crop), x1, y1, height, width)


def _reached(weights: np.ndarray, cells: np.ndarray) -> tuple[int, int]:
    """First pixel, and the one after the last, that some of the cells [n] bool have weight in."""
    pixels = np.flatnonzero(weights[:, cells].any(axis=1))
    return (int(pixels[0]), int(pixels[-1]) + 1) if len(pixels) else (0, 0)
