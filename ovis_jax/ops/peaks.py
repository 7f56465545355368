"""Peaks of heat maps. Source: CenterNet, section 4."""

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn


@flax.struct.dataclass
class Peaks:
    """The highest peaks of the heat maps of one image, in order of height.

    Attributes:
      scores: [D], heights.
      labels: [D] int32, the map in which each stands.
      cells: [D] int32, its cell, row by row.
    """

    scores: jax.Array
    labels: jax.Array
    cells: jax.Array


def local_peaks(heat: jax.Array) -> jax.Array:
    """Heat maps [H, W, K], not negative, with 0 at all cells that are no peaks."""
    # Compared for equality, so that both must see one rounding: it is computed once.
    heat = jax.lax.optimization_barrier(heat)
    around = nn.max_pool(heat[None], (3, 3), padding="SAME")[0]
    return jnp.where(heat == around, heat, 0)


def highest_peaks(heat: jax.Array, count: int) -> Peaks:
    """The highest cells that no neighbour of their own map surpasses.

    All cells of a plateau are peaks. One cell may be a peak of several maps.

    Args:
      heat: [H, W, K], not negative.
      count: D; what is no peak has height 0 and stands behind the peaks. Of equal heights the lower
        class comes first, then the lower cell.
    """
    height, width, _ = heat.shape
    flat = jnp.moveaxis(local_peaks(heat), -1, 0).reshape(-1)
    scores, place = jax.lax.top_k(flat, min(count, flat.size))
    padding = (0, count - len(scores))
    scores, place = jnp.pad(scores, padding), jnp.pad(place, padding)
    cells = height * width
    return Peaks(
        scores=scores,
        labels=(place // cells).astype(jnp.int32),
        cells=(place % cells).astype(jnp.int32),
    )
