"""Weighted sums of the cells that the bins of RoIs read, and their gradient in two ways."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

import flax
import jax
import jax.numpy as jnp
import numpy as np


@flax.struct.dataclass
class Taps:
    """What the bins of RoIs read, J cells along each axis, of one level each.

    Attributes:
      levels: [R] int32.
      rows: [R, S, J] int32, within the level.
      columns: [R, S, J] int32.
      row_weights: [R, S, J] float32.
      column_weights: [R, S, J] float32.
    """

    levels: jax.Array
    rows: jax.Array
    columns: jax.Array
    row_weights: jax.Array
    column_weights: jax.Array


Gradient = Callable[[Sequence[tuple[int, int]], Taps, jax.Array], tuple[jax.Array, ...]]
"""Of the (height, width) of each level, the taps and the bins' gradient [R, S, S, C]: that of the
levels [h, w, C], in the gradient's type."""


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def pool(gradient: Gradient, pyramid: tuple[jax.Array, ...], taps: Taps) -> jax.Array:
    """Bins [R, S, S, C] of levels [h, w, C]; only these have a gradient, computed by `gradient`."""
    del gradient
    cells = jnp.concatenate([x.reshape(-1, x.shape[-1]) for x in pyramid])
    rows = _first_cells(_sizes(pyramid), taps)
    # One gather per pair of taps, so that the compiler fuses them into one pass; a single gather of
    # all taps writes J * J times the output first.
    count = range(taps.rows.shape[-1])
    total = 0
    for i in count:
        for j in count:
            index = rows[:, :, None, i] + taps.columns[:, None, :, j]
            weights = taps.row_weights[:, :, None, i] * taps.column_weights[:, None, :, j]
            total = total + weights[..., None] * cells[index]
    return total.astype(cells.dtype)


def _forward(gradient, pyramid, taps):
    return pool(gradient, pyramid, taps), (pyramid, taps)


def _backward(gradient, saved, of_bins):
    pyramid, taps = saved
    found = gradient(_sizes(pyramid), taps, of_bins)
    return tuple(g.astype(x.dtype) for g, x in zip(found, pyramid, strict=True)), None


pool.defvjp(_forward, _backward)


def by_scatter(sizes: Sequence[tuple[int, int]], taps: Taps, of_bins: jax.Array):
    """A `Gradient`: one scatter of all taps; the forward pass's transpose has one per pair."""
    rows = _first_cells(sizes, taps)
    index = rows[:, :, None, :, None] + taps.columns[:, None, :, None, :]  # [R, S, S, J, J]
    weights = taps.row_weights[:, :, None, :, None] * taps.column_weights[:, None, :, None, :]
    parts = weights[..., None] * of_bins[:, :, :, None, None]
    areas = np.prod(sizes, axis=1)
    total = jnp.zeros((areas.sum(), of_bins.shape[-1]), parts.dtype).at[index].add(parts)
    levels = jnp.split(total, np.cumsum(areas)[:-1])
    return tuple(x.reshape(*size, -1) for x, size in zip(levels, sizes, strict=True))


def by_products(sizes: Sequence[tuple[int, int]], taps: Taps, of_bins: jax.Array):
    """A `Gradient`: two products with matrices of weights, for matrix units.

    A bin's weights are those of rows times those of columns. The columns take bins to whole rows of
    cells, the rows take these to a map on which the levels lie below each other. A gradient that is
    not finite spoils more than its own cells.
    """
    exact = jnp.promote_types(of_bins.dtype, jnp.float32)
    heights, widths = zip(*sizes, strict=True)
    starts = np.cumsum([0, *heights])
    rows = jnp.asarray(starts[:-1])[taps.levels][:, None, None] + taps.rows
    by_column = _matrix(taps.columns, taps.column_weights, max(widths)).astype(of_bins.dtype)
    by_row = _matrix(rows, taps.row_weights, starts[-1]).astype(of_bins.dtype)
    lines = jnp.einsum("rjx,rijc->rixc", by_column, of_bins)
    total = jnp.einsum("riy,rixc->yxc", by_row, lines, preferred_element_type=exact)
    return tuple(
        total[start : start + height, :width]
        for start, (height, width) in zip(starts, sizes, strict=False)
    )


def _matrix(cells: jax.Array, weights: jax.Array, length: int) -> jax.Array:
    """Weights [R, S, length] of all cells along an axis, from those of J of them."""
    number = np.arange(length)
    return sum(
        jnp.where(cells[..., i, None] == number, weights[..., i, None], 0)
        for i in range(cells.shape[-1])
    )


def _sizes(pyramid: Sequence[jax.Array]) -> list[tuple[int, int]]:
    return [x.shape[:2] for x in pyramid]


def _first_cells(sizes: Sequence[tuple[int, int]], taps: Taps) -> jax.Array:
    """[R, S, J], number of the first cell of each row among the cells of all levels."""
    areas = np.prod(sizes, axis=1)
    starts, widths = np.cumsum([0, *areas[:-1]]), np.array(sizes)[:, 1]
    starts, widths = (jnp.asarray(x)[taps.levels][:, None, None] for x in (starts, widths))
    return starts + taps.rows * widths
