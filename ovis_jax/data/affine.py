"""Scales and shifts frames and masks in one step, so that nothing is rounded in between; numpy.

Pixel indices are points: what stands at pixel u of the frame goes to scale * u + offset. Source:
`cv2.warpAffine` as CenterNet's code calls it, computed exactly. (OpenCV up to version 4 rounds
places to 1/32 of a pixel.)
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from ovis_jax.data.mask_sampling import sample_mask


@dataclasses.dataclass(frozen=True)
class Taps:
    """What each pixel of a side mixes: pixels `low` and `low + 1`, or nothing outside.

    Attributes:
      pixels: [2, n] int, inside the frame.
      weights: [2, n] float32, 0 for pixels outside of the frame.
    """

    pixels: np.ndarray
    weights: np.ndarray


@functools.lru_cache(maxsize=64)
def side_taps(old: int, new: int, scale: float, offset: float, whole: float, flip: bool) -> Taps:
    """The pixels of one side.

    Args:
      old: pixels of the stored frame along the side.
      new: pixels of the result.
      scale: pixels of the result per pixel of the frame.
      offset: of the frame's first pixel in the result.
      whole: pixels of the frame for which these numbers are; a stored one may be smaller.
      flip: the frame is mirrored before.
    """
    places = (np.arange(new) - offset) / scale
    if old != whole:
        places = (places + 0.5) * (old / whole) - 0.5
    if flip:
        places = old - 1 - places
    low = np.floor(places).astype(np.int64)
    pixels = np.stack([low, low + 1])
    weights = np.stack([1 - (places - low), places - low]).astype(np.float32)
    inside = (pixels >= 0) & (pixels < old)
    return Taps(np.clip(pixels, 0, old - 1), np.where(inside, weights, np.float32(0)))


def warp_image(image: np.ndarray, rows: Taps, columns: Taps) -> np.ndarray:
    """A uint8 frame [h, w, 3] on its canvas [H, W, 3], bilinear; black where there is no frame."""
    lines = _mixed(image[rows.pixels], rows.weights[:, :, None, None])
    pixels = _mixed(lines[:, columns.pixels].swapaxes(0, 1), columns.weights[:, None, :, None])
    return np.rint(pixels).astype(np.uint8)


def warp_mask(rle: dict, rows: Taps, columns: Taps) -> np.ndarray:
    """A run-length mask on its canvas [H, W] bool, where more than half of the mix is inside."""
    total = np.zeros((rows.pixels.shape[1], columns.pixels.shape[1]), np.float32)
    for row, by_row in zip(rows.pixels, rows.weights, strict=True):
        for column, by_column in zip(columns.pixels, columns.weights, strict=True):
            total += by_row[:, None] * by_column * sample_mask(rle, row, column)
    return total > 0.5


def _mixed(pair: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Weighted sum over the first axis, of two."""
    return pair[0] * weights[0] + pair[1] * weights[1]
