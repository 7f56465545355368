"""Masks of a grid over a canvas on which the frame is centred, enlarged by bicubic mixing; numpy.

Grid cell (x, y) stands at pixel (4x, 4y) of the canvas. Each pixel of the original frame mixes the
probabilities of the 4x4 cells around its place, with zeros outside of the grid; above one half is
inside. Source: `cv2.warpAffine` (bicubic, a = -0.75) as TraDeS calls it, computed exactly.
"""

import functools

import numpy as np

from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.paste import OriginalFrame, encode_crop

GRID_STRIDE = 4  # pixels of the canvas from cell to cell of the grid
SHARPNESS = -0.75
_MIN_LOGIT = -80.0  # its exponential is still finite
# Positive weights of the 16 cells of a pixel add up to less than 1.45: where all are below this,
# no mix is above one half.
_FAINT = 0.34


def paste_centered(objects: FrameOutput, frame: OriginalFrame) -> list[dict]:
    """A mask for each object, from its grid of logits over the canvas."""
    if not len(objects.mask_logits):
        return []
    rows, columns = objects.mask_logits.shape[1:]
    in_x, in_y = (float(x) for x in np.broadcast_to(np.float64(frame.scale), 2))
    by_row = centered_weights(rows, frame.height, in_y)
    by_column = centered_weights(columns, frame.width, in_x)
    logits = np.maximum(np.asarray(objects.mask_logits, np.float32), _MIN_LOGIT)
    return [mask_of_probs(probs, by_row, by_column) for probs in 1 / (1 + np.exp(-logits))]


@functools.lru_cache(maxsize=16)
def centered_weights(cells: int, original: int, scale: float) -> np.ndarray:
    """Weights [original, cells] float32 of the grid's cells in the pixels of a side.

    Args:
      cells: of the grid along the side.
      original: pixels of the original frame, whose middle lies on that of the canvas.
      scale: pixels of the canvas per pixel of the original frame.
    """
    offset = (GRID_STRIDE * cells - original * scale) / 2
    places = (np.arange(original) * scale + offset) / GRID_STRIDE
    return cubic(np.abs(places[:, None] - np.arange(cells))).astype(np.float32)


def cubic(distance: np.ndarray) -> np.ndarray:
    """Weight of a cell at a distance of so many cells. Source: Keys 1981, equation 15."""
    a, d = SHARPNESS, distance
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((a * d - 5 * a) * d + 8 * a) * d - 4 * a
    return np.where(d <= 1, near, np.where(d < 2, far, 0))


def mask_of_probs(probs: np.ndarray, by_row: np.ndarray, by_column: np.ndarray) -> dict:
    """Run-length mask of probabilities [h, w] with weights [H, h] and [W, w]."""
    seen = probs >= _FAINT
    y1, y2 = _reached(by_row, seen.any(axis=1))
    x1, x2 = _reached(by_column, seen.any(axis=0))
    crop = by_row[y1:y2] @ probs @ by_column[x1:x2].T > 0.5
    return encode_crop(np.ascontiguousarray(crop), x1, y1, len(by_row), len(by_column))


def _reached(weights: np.ndarray, cells: np.ndarray) -> tuple[int, int]:
    """First pixel, and the one after the last, that some of the cells [n] bool have weight in."""
    pixels = np.flatnonzero(weights[:, cells].any(axis=1))
    return (int(pixels[0]), int(pixels[-1]) + 1) if len(pixels) else (0, 0)
