"""Gaussian spots that stand for objects on heat maps. Source: CornerNet, section 3.2; CenterNet."""

import jax
import jax.numpy as jnp

MIN_OVERLAP = 0.7


def gaussian_radius(sizes: jax.Array, min_overlap: float = MIN_OVERLAP) -> jax.Array:
    """How far corners may move, as CornerNet's published code computes it.

    Meant is the distance at which the overlap with the original box falls to `min_overlap`, least
    of three cases: both corners move in one direction, inwards, or outwards. It takes the larger
    roots of the quadratic equations, and divides them by 2 whatever the leading coefficient is: the
    spots are about three times as large as they were meant to be. All models are trained with it.

    Args:
      sizes: [..., 2] float32 as (width, height), not negative.
      min_overlap: least IoU of the moved box with the original one.

    Returns:
      [...] float32, not rounded.
    """
    total, area = jnp.sum(sizes, axis=-1), jnp.prod(sizes, axis=-1)
    shared = area * (1 - min_overlap) / (1 + min_overlap)
    shifted = (total + jnp.sqrt(total**2 - 4 * shared)) / 2
    inner = (2 * total + jnp.sqrt(4 * total**2 - 16 * (1 - min_overlap) * area)) / 2
    linear = 2 * min_overlap * total
    outer = (-linear + jnp.sqrt(linear**2 + 16 * min_overlap * (1 - min_overlap) * area)) / 2
    return jnp.minimum(jnp.minimum(shifted, inner), outer)


def box_radius(sizes: jax.Array) -> jax.Array:
    """Whole radius [...] of the spot of boxes with sizes [..., 2], which are rounded up first."""
    sizes = jnp.ceil(jnp.maximum(sizes, 0))
    return jnp.floor(gaussian_radius(sizes))


def gaussian_row(center: jax.Array, radius: jax.Array, length: int) -> jax.Array:
    """One-dimensional Gaussians [..., length] of height 1; zero farther than the radius.

    The deviation is a sixth of the diameter, 2 * radius + 1.

    Args:
      center: [...], a whole number; it may lie outside.
      radius: [...], a whole number.
      length: cells, from 0 on.
    """
    distance = jnp.arange(length) - center[..., None]
    deviation = (2 * radius[..., None] + 1) / 6
    row = jnp.exp(-(distance**2) / (2 * deviation**2))
    return jnp.where(jnp.abs(distance) <= radius[..., None], row, 0)


def gaussian_spots(
    centers: jax.Array, radii: jax.Array, shown: jax.Array, height: int, width: int
) -> jax.Array:
    """A map for each object: a Gaussian of height 1 in the square around its centre, else zero.

    Args:
      centers: [N, 2] as (x, y), whole numbers of cells.
      radii: [N], whole numbers.
      shown: [N] bool; other maps are zero, whatever stands in their slots.
      height: of the maps.
      width: of the maps.

    Returns:
      [N, height, width] float32.
    """
    centers, radii = jnp.where(shown[:, None], centers, 0), jnp.where(shown, radii, 0)
    rows = gaussian_row(centers[:, 1], radii, height)
    columns = gaussian_row(centers[:, 0], radii, width)
    return jnp.where(shown[:, None, None], rows[:, :, None] * columns[:, None], 0)
