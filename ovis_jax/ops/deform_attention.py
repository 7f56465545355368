"""Multi-scale deformable attention: each query reads a few points of every level of a pyramid.

Source: Zhu et al. 2021, Deformable DETR, equation 3.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp

from ovis_jax.ops.sampling import bilinear_gather


def deform_attention(
    levels: Sequence[jax.Array], points: jax.Array, weights: jax.Array
) -> jax.Array:
    """Weighted sums of what queries read between the cells of several maps; zero outside them.

    Every head has channels, points and weights of its own. Points that are not finite read zero.
    The gradient at a cell's centre is as that of `bilinear_gather`.

    Args:
      levels: L maps [B, h, w, M, E] of M heads with E channels each, of any sizes.
      points: [B, Q, M, L, P, 2] as (x, y), shares of the width and height of each level's map:
        (0, 0) is its corner, (1, 1) the opposite one.
      weights: [B, Q, M, L, P].

    Returns:
      [B, Q, M, E], in the type of the maps.

    Raises:
      ValueError: the shapes do not belong together.
    """
    _check(levels, points, weights)
    # One image and one head at a time: maps [h, w, E], points [Q, P, 2].
    gather = jax.vmap(jax.vmap(bilinear_gather, in_axes=(2, 1), out_axes=1))
    total = 0.0
    for number, level in enumerate(levels):
        height, width = level.shape[1:3]
        cells = points[..., number, :, :] * jnp.array([width, height], points.dtype) - 0.5
        total = total + jnp.einsum(
            "bqmpe,bqmp->bqme",
            gather(level, cells),
            weights[..., number, :].astype(level.dtype),
            preferred_element_type=points.dtype,
        )
    return total.astype(levels[0].dtype)


def _check(levels: Sequence[jax.Array], points: jax.Array, weights: jax.Array) -> None:
    if points.ndim != 6 or points.shape[3] != len(levels) or points.shape[-1] != 2:
        raise ValueError(
            f"points are {points.shape}; expected (B, Q, M, {len(levels)}, P, 2) for "
            f"{len(levels)} levels"
        )
    batch, _, heads = points.shape[:3]
    if weights.shape != points.shape[:-1]:
        raise ValueError(f"weights are {weights.shape}; expected {points.shape[:-1]}")
    for level in levels:
        if level.ndim != 5 or level.shape[0] != batch or level.shape[3] != heads:
            raise ValueError(f"a level is {level.shape}; expected ({batch}, h, w, {heads}, E)")
