"""Where the objects of the previous frame are, as one heat map. Source: CenterTrack, section 4.

In prediction they are the tracks of that frame; in training annotated objects, of which some are
moved, lost or doubled, as tracks would be.
"""

from __future__ import annotations

import dataclasses

import flax
import jax
import jax.numpy as jnp

from ovis_jax.models.heads.center import STRIDE, clipped_boxes
from ovis_jax.ops.gaussians import box_radius, gaussian_spots


@dataclasses.dataclass(frozen=True)
class HeatNoise:
    """How annotated objects are spoilt.

    Attributes:
      jitter: deviation of the centre, in sides of the box.
      lost: probability that an object is not drawn.
      false_positive: probability that an object is drawn a second time, next to itself.
      false_jitter: deviation of the centre of the second one, in sides of the box.
    """

    jitter: float = 0.05
    lost: float = 0.4
    false_positive: float = 0.1
    false_jitter: float = 0.05


@flax.struct.dataclass
class NoiseDraws:
    """Random numbers of the objects of a frame.

    Attributes:
      jitter: [N, 2], normally distributed, of the centre as (x, y).
      lost: [N], uniform in [0, 1).
      false_positive: [N], likewise.
      false_jitter: [N, 2], normally distributed.
    """

    jitter: jax.Array
    lost: jax.Array
    false_positive: jax.Array
    false_jitter: jax.Array


def draw_noise(key: jax.Array, count: int) -> NoiseDraws:
    """Draws for `count` objects."""
    keys = jax.random.split(key, 4)
    return NoiseDraws(
        jitter=jax.random.normal(keys[0], (count, 2)),
        lost=jax.random.uniform(keys[1], (count,)),
        false_positive=jax.random.uniform(keys[2], (count,)),
        false_jitter=jax.random.normal(keys[3], (count, 2)),
    )


def annotated_heat(
    boxes: jax.Array, valid: jax.Array, draws: NoiseDraws, noise: HeatNoise, size: tuple[int, int]
) -> jax.Array:
    """Heat map [H, W] of annotated objects, spoilt.

    Args:
      boxes: [N, 4] in pixels of the canvas.
      valid: [N] bool.
      draws: of these objects.
      noise: what is done with the draws.
      size: (H, W) of the canvas.
    """
    centers, sizes = clipped_boxes(jnp.where(valid[:, None], boxes, 0), size)
    shown = valid & jnp.all(sizes > 0, axis=-1) & (draws.lost > noise.lost)
    doubled = shown & (draws.false_positive < noise.false_positive)
    moved = centers + noise.jitter * draws.jitter * sizes
    double = centers + noise.false_jitter * draws.false_jitter * sizes
    return heat_map(
        jnp.concatenate([moved, double]),
        jnp.concatenate([sizes, sizes]),
        jnp.concatenate([shown, doubled]),
        size,
    )


def box_heat(boxes: jax.Array, shown: jax.Array, size: tuple[int, int]) -> jax.Array:
    """Heat map [H, W] of boxes [N, 4] in pixels of the canvas (H, W), of those that are shown."""
    centers, sizes = clipped_boxes(jnp.where(shown[:, None], boxes, 0), size)
    return heat_map(centers, sizes, shown & jnp.all(sizes > 0, axis=-1), size)


def heat_map(
    centers: jax.Array, sizes: jax.Array, shown: jax.Array, size: tuple[int, int]
) -> jax.Array:
    """The highest of the Gaussians [H, W] of objects with centres and sizes [N, 2] in pixels."""
    spots = gaussian_spots(jnp.trunc(centers), box_radius(sizes), shown, *size)
    return spots.max(axis=0, initial=0)


def pooled_heat(heat: jax.Array) -> jax.Array:
    """Means [..., H / 4, W / 4] of the 4x4 pixels of each cell of the map."""
    *batch, height, width = heat.shape
    blocks = heat.reshape(*batch, height // STRIDE, STRIDE, width // STRIDE, STRIDE)
    return blocks.mean(axis=(-3, -1))
