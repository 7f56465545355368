"""Anchor boxes of a pyramid level, with the sizes and the rounding of mmdetection 0.x."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np


def base_anchors(
    stride: int, scale: float = 8.0, ratios: Sequence[float] = (0.5, 1.0, 2.0)
) -> np.ndarray:
    """Anchors of the first cell, in whole pixels.

    Args:
      stride: pixels per cell; the cell's centre is ((stride - 1) / 2, (stride - 1) / 2).
      scale: side of the square anchor in strides.
      ratios: height over width; the area is the same for all, before rounding.

    Returns:
      [A, 4] float32, inclusive corners, rounded half to even.
    """
    roots = np.sqrt(np.asarray(ratios, np.float64))
    sizes = scale * stride * np.stack([1 / roots, roots], axis=-1)
    center = (stride - 1) / 2
    half = (sizes - 1) / 2
    return np.round(np.concatenate([center - half, center + half], axis=-1)).astype(np.float32)


def grid_anchors(
    height: int,
    width: int,
    stride: int,
    scale: float = 8.0,
    ratios: Sequence[float] = (0.5, 1.0, 2.0),
) -> np.ndarray:
    """Anchors [height * width * A, 4] float32 of a whole level: rows, then columns, then ratios.

    In pixels of the padded frame, of which the level has one cell every `stride` pixels.
    """
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    shifts = stride * np.stack([x, y, x, y], axis=-1).astype(np.float32)
    return (shifts[:, :, None] + base_anchors(stride, scale, ratios)).reshape(-1, 4)


def take_anchors(anchors: np.ndarray, index: jax.Array) -> jax.Array:
    """Boxes [..., 4] of anchors [A, 4] by their numbers [...].

    Side by side: a constant [A, 4] takes 32 times its size on TPUs, which fill rows of 128.
    """
    return jnp.stack([jnp.asarray(side)[index] for side in np.array(anchors.T)], axis=-1)
