"""RoIAlign by products with matrices of bilinear weights.

A bin's weights are a product of weights of rows and of columns. The levels lie below each other on
one map; all RoIs' row weights times the map are one large product, and the columns a small one for
each RoI. RoIs go through in groups, as the map of each RoI's rows is large.

One difference to a gather: a cell that is not finite spoils what stands in its row or column.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.ops.roi_taps import Taps

GROUP_BINS = 448  # rows of bins that are computed together


def pool(pyramid: tuple[jax.Array, ...], taps: Taps) -> jax.Array:
    """As `roi_align_gather.pool`."""
    width = max(x.shape[1] for x in pyramid)
    canvas = jnp.concatenate([_widened(x, width) for x in pyramid])
    starts = np.cumsum([0, *(x.shape[0] for x in pyramid[:-1])])
    rows = jnp.asarray(starts)[taps.levels][:, None, None] + taps.rows
    return _pool(
        canvas,
        _weights(rows, taps.row_weights, len(canvas)),
        _weights(taps.columns, taps.column_weights, width),
    )


def _widened(level: jax.Array, width: int) -> jax.Array:
    return jnp.pad(level, ((0, 0), (0, width - level.shape[1]), (0, 0)))


def _weights(cells: jax.Array, weights: jax.Array, length: int) -> jax.Array:
    """Weights [R, S, length] of all cells along an axis, from those of J of them."""
    number = jnp.arange(length)
    return sum(
        jnp.where(cells[..., i, None] == number, weights[..., i, None], 0)
        for i in range(cells.shape[-1])
    )


@jax.custom_vjp
def _pool(canvas, rows, columns):
    """Bins [R, S, S, C] of a map [H, W, C], by weights [R, S, H] and [R, S, W]."""
    exact = jnp.promote_types(canvas.dtype, jnp.float32)

    def group(weights):
        rows, columns = (x.astype(canvas.dtype) for x in weights)
        lines = jnp.einsum("riy,yxc->rixc", rows, canvas)
        bins = jnp.einsum("rjx,rixc->rijc", columns, lines, preferred_element_type=exact)
        return bins.astype(canvas.dtype)

    count = len(rows)
    bins = jax.lax.map(group, (_grouped(rows), _grouped(columns)))
    return bins.reshape(-1, *bins.shape[2:])[:count]


def _forward(canvas, rows, columns):
    return _pool(canvas, rows, columns), (canvas, rows, columns)


def _backward(saved, gradient):
    canvas, rows, columns = saved
    exact = jnp.promote_types(canvas.dtype, jnp.float32)

    def add(total, group):
        rows, columns, gradient = (x.astype(canvas.dtype) for x in group)
        lines = jnp.einsum("rjx,rijc->rixc", columns, gradient)
        own = jnp.einsum("riy,rixc->yxc", rows, lines, preferred_element_type=exact)
        return total + own, None

    groups = _grouped(rows), _grouped(columns), _grouped(gradient)
    total, _ = jax.lax.scan(add, jnp.zeros(canvas.shape, exact), groups)
    return total.astype(canvas.dtype), None, None


_pool.defvjp(_forward, _backward)


def _grouped(x: jax.Array) -> jax.Array:
    """[R, S, ...] in groups of RoIs, filled up with zeros: [groups, size, S, ...]."""
    size = min(len(x), max(GROUP_BINS // x.shape[1], 1))
    x = jnp.pad(x, ((0, -len(x) % size), *[(0, 0)] * (x.ndim - 1)))
    return x.reshape(-1, size, *x.shape[1:])
