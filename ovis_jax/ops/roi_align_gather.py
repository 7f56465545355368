"""RoIAlign by gathers of single cells: one gather serves all levels."""

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.ops.roi_taps import Taps


def pool(pyramid: tuple[jax.Array, ...], taps: Taps) -> jax.Array:
    """Weighted sums [R, S, S, C] of the cells that each bin reads; see `roi_align`.

    Args:
      pyramid: levels [h, w, C].
      taps: of R RoIs and S bins along each axis; they receive no gradient.
    """
    shapes = np.array([x.shape[:2] for x in pyramid])
    starts = np.cumsum([0, *shapes.prod(1)[:-1]])
    widths = jnp.asarray(shapes)[taps.levels].T[1]
    cells = jnp.concatenate([x.reshape(-1, x.shape[-1]) for x in pyramid])
    rows = jnp.asarray(starts)[taps.levels][:, None, None] + taps.rows * widths[:, None, None]
    return _pool(cells, rows, taps.columns, taps.row_weights, taps.column_weights)


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


def _forward(cells, *taps):
    return _pool(cells, *taps), (cells, taps)


def _backward(saved, gradient):
    """One scatter of all taps; the transpose of the forward pass is a scatter per pair of taps."""
    cells, (rows, columns, row_weights, column_weights) = saved
    index = rows[:, :, None, :, None] + columns[:, None, :, None, :]  # [R, S, S, J, J]
    weights = row_weights[:, :, None, :, None] * column_weights[:, None, :, None, :]
    parts = weights[..., None] * gradient[:, :, :, None, None]
    total = jnp.zeros(cells.shape, parts.dtype).at[index].add(parts)
    return total.astype(cells.dtype), None, None, None, None


_pool.defvjp(_forward, _backward)
