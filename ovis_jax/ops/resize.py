"""Resizing of feature maps, exactly as PyTorch's modes of the same name."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np


def upsample_nearest_2x(x: jax.Array) -> jax.Array:
    """Repeats every cell: [..., H, W, C] to [..., 2H, 2W, C]."""
    return jnp.repeat(jnp.repeat(x, 2, axis=-3), 2, axis=-2)


def resize_bilinear(x: jax.Array, height: int, width: int) -> jax.Array:
    """Bilinear between cell centres, border repeated, without antialiasing.

    PyTorch's `interpolate(mode="bilinear", align_corners=False)` and OpenCV's `INTER_LINEAR`.

    Args:
      x: [..., H, W, C].
      height: of the result.
      width: of the result.

    Returns:
      [..., height, width, C] of the same dtype.
    """
    exact = jnp.promote_types(x.dtype, jnp.float32)
    rows = jnp.asarray(_interpolation(x.shape[-3], height), exact)
    columns = jnp.asarray(_interpolation(x.shape[-2], width), exact)
    out = jnp.einsum("ih,...hwc->...iwc", rows, x.astype(exact), precision="highest")
    return jnp.einsum("jw,...iwc->...ijc", columns, out, precision="highest").astype(x.dtype)


def gather_levels(levels: Sequence[jax.Array]) -> jax.Array:
    """Brings maps [..., h, w, C] to the size of the first one and joins their channels."""
    height, width = levels[0].shape[-3:-1]
    return jnp.concatenate([resize_bilinear(x, height, width) for x in levels], axis=-1)


def _interpolation(old: int, new: int) -> np.ndarray:
    """Weights [new, old] of the old cells in each new one; every row adds up to 1."""
    position = np.clip((np.arange(new) + 0.5) * old / new - 0.5, 0, old - 1)
    return np.maximum(0, 1 - np.abs(position[:, None] - np.arange(old)))
