"""Points of a pyramid level that predict boxes by their distances to the four sides."""

import jax
import jax.numpy as jnp
import numpy as np


def grid_points(height: int, width: int, stride: int) -> np.ndarray:
    """Points [height * width, 2] float32 as (x, y), one a cell: rows, then columns.

    In pixels of the padded frame; a cell's point stands `stride // 2` pixels from its upper left
    corner. Source: FCOS, section 3.1.
    """
    y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    return (stride * np.stack([x, y], axis=-1) + stride // 2).reshape(-1, 2).astype(np.float32)


def boxes_from_distances(points: jax.Array, distances: jax.Array) -> jax.Array:
    """Boxes [..., 4] around points [..., 2], of distances [..., 4] to left, top, right, bottom.

    Distances may be negative: such a box does not hold its point, or has swapped corners.
    """
    return jnp.concatenate([points - distances[..., :2], points + distances[..., 2:]], axis=-1)


def distances_to_sides(points: jax.Array, boxes: jax.Array) -> jax.Array:
    """Distances [..., 4] from points [..., 2] to the sides of boxes [..., 4]; inverse of the above.

    All are positive if the point lies inside.
    """
    return jnp.concatenate([points - boxes[..., :2], boxes[..., 2:] - points], axis=-1)
