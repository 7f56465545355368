"""Sums over rows that hold what stands at the four corners of a point, E numbers each.

Rows are [Q, K, 4 E], of K points of each of Q queries; see `deform_attention`.
"""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

CORNERS = 4


class CornerSums(NamedTuple):
    """One way to write them; all in the type that is given last.

    Attributes:
      weighted: of rows and shares [Q, K, 4] the sums of all corners of all points, [Q, E].
      along: of rows and gradients [Q, E] their products at each corner, [Q, K, 4].
      pushed: of shares and gradients the gradient of the rows.
    """

    weighted: Callable[[jax.Array, jax.Array, jnp.dtype], jax.Array]
    along: Callable[[jax.Array, jax.Array, jnp.dtype], jax.Array]
    pushed: Callable[[jax.Array, jax.Array, jnp.dtype], jax.Array]


def _weighted(rows, shares, exact):
    parts = rows.reshape(*shares.shape, -1).astype(exact)
    return (parts * shares[..., None].astype(exact)).sum(axis=(1, 2))


def _along(rows, gradient, exact):
    parts = rows.reshape(*rows.shape[:2], CORNERS, -1)
    return jnp.einsum("qkce,qe->qkc", parts, gradient, preferred_element_type=exact)


def _pushed(shares, gradient, exact):
    parts = shares[..., None].astype(exact) * gradient[:, None, None].astype(exact)
    return parts.reshape(*shares.shape[:2], -1)


# A last axis of E numbers leaves most of a TPU's 128 lanes empty, so rows stay whole: products with
# ones, in the matrix unit, spread a share over the lanes of its corner and sum those of a corner.


def _weighted_lanes(rows, shares, exact):
    total = (rows * _spread(shares, rows.shape[-1])).astype(exact).sum(axis=1)
    return total.reshape(len(total), CORNERS, -1).sum(axis=1)


def _along_lanes(rows, gradient, exact):
    products = rows * jnp.tile(gradient, CORNERS)[:, None]
    ones = _ones(rows.shape[-1], rows.dtype)
    return jnp.einsum(
        "qke,ce->qkc", products, ones, precision="highest", preferred_element_type=exact
    )


def _pushed_lanes(shares, gradient, exact):
    wide = jnp.tile(gradient, CORNERS)[:, None]
    return (_spread(shares.astype(wide.dtype), wide.shape[-1]) * wide).astype(exact)


def _spread(shares, lanes):
    return jnp.einsum("qkc,ce->qke", shares, _ones(lanes, shares.dtype), precision="highest")


def _ones(lanes, dtype):
    """[4, 4 E], one where the lane is of the corner."""
    return np.repeat(np.eye(CORNERS), lanes // CORNERS, axis=1).astype(dtype)


as_arrays = CornerSums(_weighted, _along, _pushed)
as_products = CornerSums(_weighted_lanes, _along_lanes, _pushed_lanes)
