"""RoIAlign over a feature pyramid."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.ops.boxes import BoxConvention

FINEST_SIZE = 56.0


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
    starts = np.cumsum([0, *shapes.prod(1)[:-1]])
    scale = 1 / jnp.asarray(strides, jnp.float32)[levels]
    heights, widths = jnp.asarray(shapes)[levels].T
    cells = jnp.concatenate([x.reshape(-1, x.shape[-1]) for x in pyramid])

    def axis(start, end, length):
        return _axis_samples(start * scale, end * scale, length, size, samples, convention)

    end = 1.0 if convention.inclusive else 0.0
    y, y_weight = axis(rois[:, 1], rois[:, 3] + end, heights)
    x, x_weight = axis(rois[:, 0], rois[:, 2] + end, widths)
    rows = jnp.asarray(starts)[levels][:, None, None] + y * widths[:, None, None]
    return jax.jit(_pool)(cells, rows, x, y_weight, x_weight)  # heads of one size trace it once


@jax.custom_vjp
def _pool(cells, rows, columns, row_weights, column_weights):
    """Weighted sum of the cells `rows + columns` of each bin; only `cells` has a gradient.

    Args:
      cells: [N, C].
      rows: [R, S, J] int32, number of the first cell of each row.
      columns: [R, S, J] int32, to be added to it.
      row_weights: [R, S, J].
      column_weights: [R, S, J].

    Returns:
      [R, S, S, C].
    """
    # One gather per pair of taps, so that the compiler fuses them into one pass; a single gather of
    # all taps writes J * J times the output first.
    taps = range(rows.shape[-1])
    total = 0
    for i in taps:
        for j in taps:
            index = rows[:, :, None, i] + columns[:, None, :, j]
            weights = row_weights[:, :, None, i] * column_weights[:, None, :, j]
            total = total + weights[..., None] * cells[index]
    return total.astype(cells.dtype)


def _pool_forward(cells, *taps):
    return _pool(cells, *taps), (cells, taps)


def _pool_backward(saved, gradient):
    """One scatter of all taps; the transpose of the forward pass is a scatter per pair of taps."""
    cells, (rows, columns, row_weights, column_weights) = saved
    index = rows[:, :, None, :, None] + columns[:, None, :, None, :]  # [R, S, S, J, J]
    weights = row_weights[:, :, None, :, None] * column_weights[:, None, :, None, :]
    parts = weights[..., None] * gradient[:, :, :, None, None]
    total = jnp.zeros(cells.shape, parts.dtype).at[index].add(parts)
    return total.astype(cells.dtype), None, None, None, None


_pool.defvjp(_pool_forward, _pool_backward)


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
