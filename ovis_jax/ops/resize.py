"""Resizing of feature maps, exactly as PyTorch's modes of the same name."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np


def upsample_nearest_2x(x: jax.Array) -> jax.Array:
    """Repeats every cell: [..., H, W, C] to [..., 2H, 2W, C]."""
    return jnp.repeat(jnp.repeat(x, 2, axis=-3), 2, axis=-2)


def resize_nearest(x: jax.Array, height: int, width: int) -> jax.Array:
    """Repeats or leaves out cells: PyTorch's `interpolate(mode="nearest")` to a size.

    Args:
      x: [..., H, W, C].
      height: of the result.
      width: of the result.

    Returns:
      [..., height, width, C].
    """
    rows, columns = nearest_index(x.shape[-3], height), nearest_index(x.shape[-2], width)
    return jnp.take(jnp.take(x, rows, axis=-3), columns, axis=-2)


def nearest_index(old: int, new: int) -> np.ndarray:
    """[new] int, the cell of `old` that each cell of `new` repeats; as PyTorch, in float32."""
    index = np.floor(np.arange(new, dtype=np.float32) * np.float32(old / new)).astype(np.int32)
    return np.minimum(index, old - 1)


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
    return _mixed(x, bilinear_weights(x.shape[-3], height), bilinear_weights(x.shape[-2], width))


def resize_corners(x: jax.Array, height: int, width: int) -> jax.Array:
    """Bilinear between corners: the first and the last cell of each axis keep their values.

    What TensorFlow and PyTorch call `align_corners=True`. Arguments and result: see
    `resize_bilinear`.
    """
    return _mixed(x, corner_weights(x.shape[-3], height), corner_weights(x.shape[-2], width))


def resize_trilinear(x: jax.Array, frames: int, height: int, width: int) -> jax.Array:
    """`resize_bilinear` whose frames are mixed likewise, between their centres.

    PyTorch's `interpolate(mode="trilinear", align_corners=False)`.

    Args:
      x: [..., T, H, W, C].
      frames: of the result.
      height: of the result.
      width: of the result.

    Returns:
      [..., frames, height, width, C] of the same dtype.
    """
    if frames != x.shape[-4]:
        exact = jnp.promote_types(x.dtype, jnp.float32)
        weights = jnp.asarray(bilinear_weights(x.shape[-4], frames), exact)
        mixed = jnp.einsum("it,...thwc->...ihwc", weights, x.astype(exact), precision="highest")
        x = mixed.astype(x.dtype)
    return resize_bilinear(x, height, width)


def upsample_aligned(x: jax.Array, factor: int) -> jax.Array:
    """Bilinear enlargement; each cell's value stands `factor // 2` cells from its first new one.

    Borders are repeated. Source: AdelaiDet's "aligned bilinear", for the masks of CondInst.

    Args:
      x: [..., H, W, C].
      factor: new cells for each old one, along both axes.

    Returns:
      [..., factor * H, factor * W, C] of the same dtype.
    """
    return _mixed(x, aligned_weights(x.shape[-3], factor), aligned_weights(x.shape[-2], factor))


def resample_grid(x: jax.Array, height: int, width: int) -> jax.Array:
    """Bicubic resampling between cell centres, antialiased where cells become fewer.

    PyTorch's `interpolate(mode="bicubic", antialias=True)`: for tables of positions. A grid of the
    same size stays as it is.

    Args:
      x: [..., H, W, C].
      height: of the result.
      width: of the result.

    Returns:
      [..., height, width, C] of the same dtype.
    """
    if x.shape[-3:-1] == (height, width):
        return x
    return _mixed(x, bicubic_weights(x.shape[-3], height), bicubic_weights(x.shape[-2], width))


def gather_levels(levels: Sequence[jax.Array]) -> jax.Array:
    """Brings maps [..., h, w, C] to the size of the first one and joins their channels."""
    height, width = levels[0].shape[-3:-1]
    return jnp.concatenate([resize_bilinear(x, height, width) for x in levels], axis=-1)


def bilinear_weights(old: int, new: int) -> np.ndarray:
    """Weights [new, old] of `resize_bilinear` along one axis; every row adds up to 1."""
    return _weights((np.arange(new) + 0.5) * old / new - 0.5, old)


def corner_weights(old: int, new: int) -> np.ndarray:
    """Weights [new, old] of `resize_corners` along one axis, likewise."""
    return _weights(np.arange(new) * (old - 1) / max(new - 1, 1), old)


def aligned_weights(length: int, factor: int) -> np.ndarray:
    """Weights [factor * length, length] of `upsample_aligned` along one axis, likewise."""
    return _weights((np.arange(factor * length) - factor // 2) / factor, length)


def bicubic_weights(old: int, new: int) -> np.ndarray:
    """Weights [new, old] of `resample_grid` along one axis; every row adds up to 1."""
    stretch = max(old / new, 1.0)
    centre = (np.arange(new) + 0.5) * old / new
    weights = _cubic((np.arange(old) + 0.5 - centre[:, None]) / stretch)
    return weights / weights.sum(axis=1, keepdims=True)


def _cubic(distance: np.ndarray, slope: float = -0.5) -> np.ndarray:
    """Keys' kernel of cubic convolution, with its slope at distance 1."""
    x = np.abs(distance)
    near = ((slope + 2) * x - (slope + 3)) * x * x + 1
    far = slope * (((x - 5) * x + 8) * x - 4)
    return np.where(x < 1, near, np.where(x < 2, far, 0.0))


def _weights(position: np.ndarray, length: int) -> np.ndarray:
    """Weights [N, length] of the cells around positions [N] in cells; the border is repeated."""
    position = np.clip(position, 0, length - 1)
    return np.maximum(0, 1 - np.abs(position[:, None] - np.arange(length)))


def _mixed(x: jax.Array, rows: np.ndarray, columns: np.ndarray) -> jax.Array:
    """[..., H, W, C] with its rows mixed by weights [I, H] and its columns by [J, W]."""
    exact = jnp.promote_types(x.dtype, jnp.float32)
    rows, columns = jnp.asarray(rows, exact), jnp.asarray(columns, exact)
    out = jnp.einsum("ih,...hwc->...iwc", rows, x.astype(exact), precision="highest")
    return jnp.einsum("jw,...iwc->...ijc", columns, out, precision="highest").astype(x.dtype)
