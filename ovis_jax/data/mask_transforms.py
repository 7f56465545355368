"""Crop, resize, flip and pad masks as `transforms` does with their frame."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from ovis_jax.data import affine
from ovis_jax.data.mask_sampling import sample_mask
from ovis_jax.data.transforms import FrameGeometry


def transform_mask(rle: dict, geometry: FrameGeometry, *, flip: bool) -> np.ndarray:
    """Crops, resizes (nearest; if it is centred, bilinear), flips, pads and packs a mask.

    Args:
      rle: compressed COCO RLE of the original frame's size.
      geometry: how the frame is resized.
      flip: mirror left and right.

    Returns:
      [H, W // 8] uint8 on the canvas, eight columns a byte.
    """
    height, width = rle["size"]
    if geometry.centered is not None:
        mask = affine.warp_mask(rle, *geometry.taps(height, width, flip=flip))
        return np.packbits(mask, axis=1)
    rows, columns = _sources(height, width, geometry)
    canvas = np.zeros((geometry.canvas_height, geometry.canvas_width), bool)
    canvas[: geometry.height, : geometry.width] = sample_mask(
        rle, rows, columns[::-1] if flip else columns
    )
    return np.packbits(canvas, axis=1)


def _sources(height: int, width: int, geometry: FrameGeometry) -> tuple[np.ndarray, np.ndarray]:
    """[h] and [w] int: which rows and columns of the frame the resized frame shows."""
    crop = geometry.crop
    if crop is None:
        return (
            nearest_source(height, geometry.height, geometry.resampling),
            nearest_source(width, geometry.width, geometry.resampling),
        )
    rows, columns = _sources(height, width, crop.frame)
    inside = dataclasses.replace(geometry, crop=None)
    own_rows, own_columns = _sources(crop.height, crop.width, inside)
    return rows[crop.y + own_rows], columns[crop.x + own_columns]


@functools.lru_cache(maxsize=256)
def nearest_source(old: int, new: int, resampling: str = "opencv") -> np.ndarray:
    """[new] int: which of `old` pixels each of `new` shows.

    As OpenCV's INTER_NEAREST chooses, or Pillow's NEAREST, which adds up the steps between centres.
    """
    if resampling == "pillow":
        step = old / new
        return np.cumsum([step * 0.5, *[step] * (new - 1)]).astype(np.int64)
    return np.minimum(np.floor(np.arange(new) * (1 / (new / old))).astype(np.int64), old - 1)
