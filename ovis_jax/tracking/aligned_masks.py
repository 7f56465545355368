"""Masks of a grid over the whole canvas, enlarged with aligned points: CondInst and its kin; numpy.

Probabilities on the grid are enlarged to the canvas ("aligned bilinear"), cut to the resized frame,
and resized to the original one (bilinear between pixel centres); above one half is inside. Source:
AdelaiDet's post-processing.
"""

import functools

import numpy as np

from ovis_jax.ops.resize import aligned_weights, bilinear_weights
from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.paste import OriginalFrame, encode_crop

GRID_STRIDE = 4  # pixels of the canvas from cell to cell of the grid
_MIN_LOGIT = -80.0  # its exponential is still finite


def paste_aligned(objects: FrameOutput, frame: OriginalFrame) -> list[dict]:
    """A mask for each object, from its grid of logits over the canvas."""
    if not len(objects.mask_logits):
        return []
    rows, columns = objects.mask_logits.shape[1:]
    in_x, in_y = np.broadcast_to(np.float64(frame.scale), 2)
    height, width = int(frame.height * in_y + 0.5), int(frame.width * in_x + 0.5)
    by_row = grid_weights(rows, height, frame.height)
    by_column = grid_weights(columns, width, frame.width)
    probs = probabilities(objects.mask_logits)
    return [mask_of_cells(cells, 0.5, by_row, by_column) for cells in probs]


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Those of mask logits, float32."""
    return 1 / (1 + np.exp(-np.maximum(np.asarray(logits, np.float32), _MIN_LOGIT)))


@functools.lru_cache(maxsize=16)
def grid_weights(cells: int, resized: int, original: int) -> np.ndarray:
    """Weights [original, cells] float32 of the grid's cells in the pixels of a side.

    Args:
      cells: of the grid along the side.
      resized: pixels of the resized frame, which the canvas begins with.
      original: pixels of the original frame.
    """
    enlarged = aligned_weights(cells, GRID_STRIDE)[:resized]
    return (bilinear_weights(resized, original) @ enlarged).astype(np.float32)


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
