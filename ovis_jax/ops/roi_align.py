"""RoIAlign over a feature pyramid."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.ops import implementations, roi_pool
from ovis_jax.ops.boxes import BoxConvention

FINEST_SIZE = 56.0
_pool = jax.jit(roi_pool.pool, static_argnums=0)  # heads of one size trace it once


def assign_levels(
    rois: jax.Array, num_levels: int, finest_size: float = FINEST_SIZE, *, convention: BoxConvention
) -> jax.Array:
    """Pyramid level of each RoI: [R, 4] to [R] int32 in [0, num_levels).

    A RoI of twice `finest_size` a side is the first of level 1. Source: Feature Pyramid Networks,
    equation 1, as mmdetection 0.x computes it.
    """
    extent = 1.0 if convention.inclusive else 0.0
    size = jnp.sqrt((rois[:, 2] - rois[:, 0] + extent) * (rois[:, 3] - rois[:, 1] + extent))
    level = jnp.floor(jnp.log2(size / finest_size + 1e-6))
    level = jnp.where(jnp.isnan(level), 0, level)
    return jnp.clip(level, 0, num_levels - 1).astype(jnp.int32)


def roi_align(
    pyramid: Sequence[jax.Array],
    strides: Sequence[int],
    rois: jax.Array,
    size: int,
    samples: int = 2,
    *,
    convention: BoxConvention,
) -> jax.Array:
    """Averages bilinear samples in each bin of each RoI, on the RoI's own level.

    One gather serves all levels. The inclusive convention is the legacy RoIAlign of mmdetection
    0.x: no half-pixel shift, and a RoI reaches to x2 + 1. The exclusive one shifts by half a pixel
    (detectron2's `aligned=True`). Boxes receive no gradient.

    Args:
      pyramid: levels [h, w, C] of one frame.
      strides: of each level, in pixels.
      rois: [R, 4] in pixels.
      size: bins in each axis.
      samples: in each bin and axis.
      convention: what the corners of boxes mean.

    Returns:
      [R, size, size, C].

    Raises:
      ValueError: as many strides as levels are needed.
    """
    if len(pyramid) != len(strides):
        raise ValueError(f"{len(pyramid)} levels but {len(strides)} strides")
    rois = jax.lax.stop_gradient(rois)
    levels = assign_levels(rois, len(pyramid), convention=convention)
    shapes = np.array([x.shape[:2] for x in pyramid])
    scale = 1 / jnp.asarray(strides, jnp.float32)[levels]
    heights, widths = jnp.asarray(shapes)[levels].T

    def axis(start, end, length):
        return _axis_samples(start * scale, end * scale, length, size, samples, convention)

    end = 1.0 if convention.inclusive else 0.0
    y, y_weight = axis(rois[:, 1], rois[:, 3] + end, heights)
    x, x_weight = axis(rois[:, 0], rois[:, 2] + end, widths)
    taps = roi_pool.Taps(levels, y, x, y_weight, x_weight)
    gradient = implementations.roi_gradient(pyramid[0].dtype)
    return _pool(gradient, tuple(pyramid), taps)


def _axis_samples(start, end, length, size: int, samples: int, convention: BoxConvention):
    """Cells and weights that each bin reads along one axis.

    A sample more than one cell outside the map counts as zero; one nearer is moved to the border.

    Args:
      start: [R], in cells.
      end: [R], in cells.
      length: [R] int32, cells of the map.
      size: bins.
      samples: in each bin.
      convention: the exclusive one shifts by half a cell.

    Returns:
      Cells [R, size, 2 * samples] int32 and their weights, which add up to 1 inside the map.
    """
    extent = jnp.maximum(end - start, 0)
    shift = 0.0 if convention.inclusive else 0.5
    step = (np.arange(size * samples, dtype=np.float32) + 0.5) / samples
    position = start[:, None] - shift + step * (extent / size)[:, None]
    last = (length - 1)[:, None]
    inside = (position >= -1) & (position <= length[:, None])  # False for NaN
    position = jnp.where(inside, jnp.clip(position, 0, last), 0)
    low = jnp.floor(position)
    fraction = position - low
    cells = jnp.stack([low, jnp.minimum(low + 1, last)], -1).astype(jnp.int32)
    weights = jnp.stack([1 - fraction, fraction], -1) * inside[..., None] / samples
    shape = (len(start), size, 2 * samples)
    return cells.reshape(shape), weights.reshape(shape)
