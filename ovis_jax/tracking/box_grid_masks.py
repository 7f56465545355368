"""Masks of grids over boxes whose corners are continuous: mmdetection 2 and detectron2; numpy.

Probabilities are read bilinearly at the centres of the frame's pixels, between the centres of the
grid's cells, and fall to 0 outside of the grid; from one half on it is inside. Boxes are not
rounded and may lie anywhere.
"""

import numpy as np

from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.paste import OriginalFrame, encode_crop

_MIN_LOGIT = -80.0  # its exponential is still finite


def paste_box_grids(objects: FrameOutput, frame: OriginalFrame) -> list[dict]:
    """A mask for each object, from its grid of logits over its mask box; it may be empty."""
    return [
        _mask(logits, box, frame.height, frame.width)
        for logits, box in zip(objects.mask_logits, objects.mask_boxes, strict=True)
    ]


def cell_weights(start: float, end: float, cells: int, pixels: int) -> np.ndarray:
    """Weights [pixels, cells] float32 of a grid's cells in the pixels of one side of a frame.

    Args:
      start: edge of the box, in pixels of the frame.
      end: its other edge; a box without a side has no weights.
      cells: of the grid.
      pixels: of the frame.
    """
    if not end > start:
        return np.zeros((pixels, cells), np.float32)
    centers = np.arange(pixels) + 0.5
    position = (centers - start) / (end - start) * cells - 0.5
    return np.maximum(1 - np.abs(position[:, None] - np.arange(cells)), 0).astype(np.float32)


def _mask(logits: np.ndarray, box: np.ndarray, height: int, width: int) -> dict:
    """Run-length mask of one object."""
    probs = 1 / (1 + np.exp(-np.maximum(np.asarray(logits, np.float32), _MIN_LOGIT)))
    x1, y1, x2, y2 = np.asarray(box, np.float64)
    by_row = cell_weights(y1, y2, probs.shape[0], height)
    by_column = cell_weights(x1, x2, probs.shape[1], width)
    rows, columns = (np.flatnonzero(x.any(axis=1)) for x in (by_row, by_column))
    if not (len(rows) and len(columns)):
        return encode_crop(np.zeros((0, 0), bool), 0, 0, height, width)
    rows, columns = (slice(x[0], x[-1] + 1) for x in (rows, columns))
    crop = by_row[rows] @ probs @ by_column[columns].T >= 0.5
    return encode_crop(np.ascontiguousarray(crop), columns.start, rows.start, height, width)
