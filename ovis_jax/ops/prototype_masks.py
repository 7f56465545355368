"""Masks that are mixed from prototypes and cut to boxes: YOLACT."""

import jax
import jax.numpy as jnp
import numpy as np

_MARGIN = 1.0  # cells around a box that its mask may reach into


def mix_prototypes(prototypes: jax.Array, coefficients: jax.Array) -> jax.Array:
    """Mask logits [N, h, w] of prototypes [h, w, C] and raw coefficients [N, C]."""
    weights = jnp.tanh(coefficients.astype(jnp.float32))
    return jnp.einsum("hwc,nc->nhw", prototypes.astype(jnp.float32), weights)


def cells_of_boxes(boxes: jax.Array, height: int, width: int) -> jax.Array:
    """The cells of a grid that masks of boxes may fill: [N, height, width] bool.

    A cell counts if its number is neither below the box's first corner minus one nor at or beyond
    its second one plus one; nothing is rounded.

    Args:
      boxes: [N, 4] relative to the grid, in [0, 1]; swapped corners are put in order.
      height: of the grid.
      width: of the grid.
    """
    low = jnp.minimum(boxes[:, :2], boxes[:, 2:])
    high = jnp.maximum(boxes[:, :2], boxes[:, 2:])

    def inside(axis, length):
        cell = np.arange(length, dtype=np.float32)
        first = jnp.maximum(low[:, axis] * length - _MARGIN, 0)[:, None]
        end = jnp.minimum(high[:, axis] * length + _MARGIN, length)[:, None]
        return (cell >= first) & (cell < end)

    return inside(1, height)[:, :, None] & inside(0, width)[:, None]
