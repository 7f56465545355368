"""Correlation by a loop over the rows of displacements: a small program for matrix units.

As `correlation_rows`, but the wanted diagonals of a product are picked by a second product with
zeros and ones, whose gradient is one as well, and one row of displacements is the body of a loop,
forward and backward. Nothing but the arguments is kept for the gradient.
"""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from ovis_jax.ops.correlation_rows import residue_classes


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3))
def position_products(
    query: jax.Array, reference: jax.Array, displacements: int, dilation: int
) -> jax.Array:
    """As `correlation_rows.position_products`."""
    own, other = _classes(query, reference, displacements, dilation)
    picks = _picks(own.shape[3], displacements, query.dtype)
    exact = jnp.promote_types(query.dtype, jnp.float32)

    def row(_, start):
        rows = _rows(other, start, own.shape[2])
        products = jnp.einsum("bdhwc,bdhxc->bdhwx", own, rows)
        return None, jnp.einsum("bdhwx,wxj->bdhwj", products, picks, preferred_element_type=exact)

    _, maps = jax.lax.scan(row, None, _starts(displacements, dilation))
    maps = jnp.transpose(maps, (1, 3, 4, 2, 0, 5))  # [B, H, W', d, rows, columns]
    maps = maps.reshape(*maps.shape[:2], -1, displacements**2)
    return maps[:, :, : query.shape[2]] / query.shape[-1]


def _forward(query, reference, displacements, dilation):
    return position_products(query, reference, displacements, dilation), (query, reference)


def _backward(displacements, dilation, saved, gradient):
    query, reference = saved
    (own, other), join = jax.vjp(lambda q, r: _classes(q, r, displacements, dilation), *saved)
    picks = _picks(own.shape[3], displacements, query.dtype)
    exact = jnp.promote_types(query.dtype, jnp.float32)
    gradient = _gradient_rows(gradient / query.shape[-1], displacements, dilation)

    def row(totals, inputs):
        by_own, by_other = totals
        start, gradient = inputs
        rows = _rows(other, start, own.shape[2])
        by_products = jnp.einsum("bdhwj,wxj->bdhwx", gradient.astype(query.dtype), picks)
        by_own += jnp.einsum("bdhwx,bdhxc->bdhwc", by_products, rows, preferred_element_type=exact)
        more = jnp.einsum("bdhwx,bdhwc->bdhxc", by_products, own, preferred_element_type=exact)
        more += _rows(by_other, start, own.shape[2])
        return (by_own, jax.lax.dynamic_update_slice_in_dim(by_other, more, start, axis=2)), None

    zeros = jnp.zeros(own.shape, exact), jnp.zeros(other.shape, exact)
    totals, _ = jax.lax.scan(row, zeros, (_starts(displacements, dilation), gradient))
    return join(tuple(x.astype(query.dtype) for x in totals))


position_products.defvjp(_forward, _backward)


def _classes(query, reference, displacements: int, dilation: int):
    """Both maps by columns of equal residue; the reference with a border of zeros."""
    columns = -(-query.shape[2] // dilation)
    radius = (displacements - 1) * dilation // 2
    window = columns + displacements - 1
    return (
        residue_classes(query, (0, 0), columns, dilation),
        residue_classes(reference, (radius, radius), window, dilation),
    )


def _gradient_rows(gradient, displacements: int, dilation: int):
    """[B, H, W, displacements**2] as [rows, B, dilation, H, W', columns]."""
    batch, height, width, _ = gradient.shape
    gradient = jnp.pad(gradient, ((0, 0), (0, 0), (0, -width % dilation), (0, 0)))
    shape = (batch, height, -1, dilation, displacements, displacements)
    return jnp.transpose(gradient.reshape(shape), (4, 0, 3, 1, 2, 5))


def _starts(displacements: int, dilation: int) -> jax.Array:
    return dilation * jnp.arange(displacements)


def _rows(x: jax.Array, start: jax.Array, count: int) -> jax.Array:
    return jax.lax.dynamic_slice_in_dim(x, start, count, axis=2)


def _picks(columns: int, displacements: int, dtype) -> jax.Array:
    """1 where [column, place, displacement] belong together, 0 elsewhere."""
    shape = (columns, columns + displacements - 1, displacements)
    column, place, step = (jax.lax.broadcasted_iota(jnp.int32, shape, i) for i in range(3))
    return (place == column + step).astype(dtype)
