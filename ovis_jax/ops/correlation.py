"""Correlation of two feature maps over a square of displacements, and the motion that it tells."""

import math

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.ops import implementations

_LEAST_VARIANCE = 1e-12  # cells whose correlations are all equal have no direction


def correlation(
    query: jax.Array,
    reference: jax.Array,
    displacements: int = 16,
    dilation: int = 2,
    kernel_size: int = 1,
) -> jax.Array:
    """Mean over channels of query times displaced reference; zero where that is outside the map.

    Displacement a of an axis is `(a - (displacements - 1) / 2) * dilation` cells, so 16 with
    dilation 2 are -15, -13, ..., 15, what the published checkpoint was computed with.

    Args:
      query: [B, H, W, C].
      reference: [B, H, W, C].
      displacements: side of the square.
      dilation: cells between neighbouring displacements.
      kernel_size: side of the patches that are compared, odd; their products are averaged (paper,
        equation 2). The published code uses 1.

    Returns:
      [B, H, W, displacements**2] of the query's dtype, row displacement first.

    Raises:
      ValueError: shapes differ, a displacement would fall between cells, or the kernel is even.
    """
    if query.shape != reference.shape:
        raise ValueError(f"query {query.shape} and reference {reference.shape} differ in shape")
    if (displacements - 1) * dilation % 2:
        raise ValueError("(displacements - 1) * dilation must be even")
    if kernel_size % 2 == 0:
        raise ValueError(f"kernel_size is {kernel_size}; expected an odd number")
    products = implementations.correlation()
    maps = products(query, reference, displacements, dilation)
    maps = maps if kernel_size == 1 else _patch_mean(maps, kernel_size)
    return maps.astype(query.dtype)


def expected_displacement(maps: jax.Array, dilation: int, sharpness: float) -> jax.Array:
    """Where the reference resembles each position: the mean displacement by a softmax.

    Correlations of a position are brought to mean 0 and variance 1 first, so that the sharpness
    means the same for features of any length.

    Args:
      maps: [B, H, W, D**2] of `correlation`.
      dilation: cells between neighbouring displacements.
      sharpness: factor in the softmax; 0 is the mean of all displacements, which is 0, and a large
        one takes the displacement of the largest correlation.

    Returns:
      [B, H, W, 2] float32, (y, x) in cells, from the query to the reference.
    """
    maps = maps.astype(jnp.float32)
    apart = maps - maps.mean(axis=-1, keepdims=True)
    variance = jnp.mean(apart**2, axis=-1, keepdims=True)
    weights = jax.nn.softmax(sharpness * apart * jax.lax.rsqrt(variance + _LEAST_VARIANCE))
    side = math.isqrt(maps.shape[-1])
    along = (np.arange(side) - (side - 1) / 2) * dilation
    both = np.stack(np.meshgrid(along, along, indexing="ij"), axis=-1).reshape(-1, 2)
    return jnp.matmul(weights, jnp.float32(both), precision=jax.lax.Precision.HIGHEST)


def _patch_mean(maps: jax.Array, size: int) -> jax.Array:
    """Mean over a size x size patch of positions; positions outside the map count as zero."""
    total = jax.lax.reduce_window(
        maps, np.zeros((), maps.dtype), jax.lax.add, (1, size, size, 1), (1, 1, 1, 1), "SAME"
    )
    return total / size**2
