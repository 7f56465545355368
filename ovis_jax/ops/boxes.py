"""Boxes `(x1, y1, x2, y2)`: sizes, overlaps, and their encoding relative to anchors.

`inclusive` is the convention for sizes: True takes corners as the first and last pixel, so that the
width is x2 - x1 + 1 (mmdetection 0.x, the published checkpoints); False takes them as edges and the
width is x2 - x1.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

MAX_LOG_RATIO = abs(float(np.log(16 / 1000)))


def box_areas(boxes: jax.Array, *, inclusive: bool) -> jax.Array:
    """Areas [...] in square pixels of boxes [..., 4]; a box whose corners are swapped has none."""
    sizes = jnp.maximum(boxes[..., 2:] - boxes[..., :2] + inclusive, 0)
    return sizes[..., 0] * sizes[..., 1]


def pairwise_iou(a: jax.Array, b: jax.Array, *, inclusive: bool) -> jax.Array:
    """Intersection over union of every pair of boxes.

    Args:
      a: [N, 4].
      b: [M, 4], in the same frame.
      inclusive: box convention.

    Returns:
      [N, M] in [0, 1]; 0 where both boxes are empty. A NaN box spoils only its row or column.
    """
    low = jnp.maximum(a[:, None, :2], b[None, :, :2])
    high = jnp.minimum(a[:, None, 2:], b[None, :, 2:])
    sizes = jnp.maximum(high - low + inclusive, 0)
    overlap = sizes[..., 0] * sizes[..., 1]
    areas = box_areas(a, inclusive=inclusive)[:, None] + box_areas(b, inclusive=inclusive)
    union = areas - overlap
    return overlap / jnp.where(union == 0, 1, union)


def paired_iou(a: jax.Array, b: jax.Array, *, inclusive: bool) -> jax.Array:
    """Intersection over union [...] of boxes [..., 4] with their partners [..., 4]."""
    low, high = jnp.maximum(a[..., :2], b[..., :2]), jnp.minimum(a[..., 2:], b[..., 2:])
    sizes = jnp.maximum(high - low + inclusive, 0)
    overlap = sizes[..., 0] * sizes[..., 1]
    union = box_areas(a, inclusive=inclusive) + box_areas(b, inclusive=inclusive) - overlap
    return overlap / jnp.where(union == 0, 1, union)


def encode_boxes(
    anchors: jax.Array,
    targets: jax.Array,
    *,
    stds: Sequence[float] = (1.0, 1.0, 1.0, 1.0),
    inclusive: bool,
) -> jax.Array:
    """Deltas that lead from anchors to targets. Source: R-CNN, appendix C.

    Args:
      anchors: [..., 4], of positive width and height.
      targets: [..., 4], likewise.
      stds: divide the deltas.
      inclusive: box convention.

    Returns:
      [..., 4]: shift of the centre (x, y) in anchor sizes, log ratio of the sizes (width, height).
    """
    anchor_centers, anchor_sizes = _centers_sizes(anchors, inclusive)
    target_centers, target_sizes = _centers_sizes(targets, inclusive)
    shifts = (target_centers - anchor_centers) / anchor_sizes
    deltas = jnp.concatenate([shifts, jnp.log(target_sizes / anchor_sizes)], axis=-1)
    return deltas / jnp.asarray(stds, deltas.dtype)


def decode_boxes(
    anchors: jax.Array,
    deltas: jax.Array,
    *,
    stds: Sequence[float] = (1.0, 1.0, 1.0, 1.0),
    inclusive: bool,
) -> jax.Array:
    """Boxes [..., 4] that deltas [..., 4] reach from anchors [..., 4]: inverse of `encode_boxes`.

    Sizes change at most by the factor 1000 / 16, so that no delta overflows.
    """
    centers, sizes = _centers_sizes(anchors, inclusive)
    deltas = deltas * jnp.asarray(stds, deltas.dtype)
    centers = centers + deltas[..., :2] * sizes
    sizes = sizes * jnp.exp(jnp.clip(deltas[..., 2:], -MAX_LOG_RATIO, MAX_LOG_RATIO))
    half = (sizes - inclusive) / 2
    return jnp.concatenate([centers - half, centers + half], axis=-1)


def clip_boxes(boxes: jax.Array, image_size: jax.Array, *, inclusive: bool) -> jax.Array:
    """Moves corners that lie outside an image onto its border.

    Args:
      boxes: [..., 4].
      image_size: [2], (height, width); x ends at width - 1 if inclusive, else at width.
      inclusive: box convention.
    """
    height, width = image_size
    limits = jnp.stack([width, height, width, height]).astype(boxes.dtype) - inclusive
    return jnp.clip(boxes, 0, limits)


def _centers_sizes(boxes: jax.Array, inclusive: bool) -> tuple[jax.Array, jax.Array]:
    low, high = boxes[..., :2], boxes[..., 2:]
    return (low + high) / 2, high - low + inclusive
