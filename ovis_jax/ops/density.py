"""How crowded objects are: the density of Adaptive NMS. Source: Liu et al. 2019, section 3.2."""

import jax
import jax.numpy as jnp

from ovis_jax.ops.boxes import BoxConvention


def object_densities(boxes: jax.Array, valid: jax.Array, *, convention: BoxConvention) -> jax.Array:
    """Largest IoU of each object with another one, whatever their classes are.

    Args:
      boxes: [N, 4], of the objects of a frame.
      valid: [N] bool; other slots are no objects.
      convention: what the corners of boxes mean.

    Returns:
      [N] in [0, 1]; 0 in invalid slots.
    """
    boxes = jnp.where(valid[:, None], boxes, 0)
    others = valid[:, None] & valid & ~jnp.eye(len(valid), dtype=bool)
    return jnp.max(jnp.where(others, convention.iou(boxes, boxes), 0), axis=1, initial=0)


def density_at(
    boxes: jax.Array, objects: jax.Array, valid: jax.Array, *, convention: BoxConvention
) -> jax.Array:
    """The density of the object that each box overlaps most.

    Args:
      boxes: [C, 4], anything; NaN overlaps nothing.
      objects: [N, 4], boxes of objects in the same frame.
      valid: [N] bool; other slots are no objects.
      convention: what the corners of boxes mean.

    Returns:
      [C] in [0, 1]; of equal overlaps the first object's, 0 where a box overlaps none.
    """
    objects = jnp.where(valid[:, None], objects, 0)
    densities = object_densities(objects, valid, convention=convention)
    iou = jnp.nan_to_num(convention.iou(boxes, objects))
    iou = jnp.where(valid, iou, 0)
    nearest = jnp.argmax(iou, axis=1)
    return jnp.where(jnp.any(iou > 0, axis=1), densities[nearest], 0)
