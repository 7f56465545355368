"""Multi-scale deformable attention: each query reads a few points of every level of a pyramid.

Source: Zhu et al. 2021, Deformable DETR, equation 3.
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.ops.corner_sums import CORNERS
from ovis_jax.ops.implementations import corner_sums


def deform_attention(
    levels: Sequence[jax.Array], points: jax.Array, weights: jax.Array
) -> jax.Array:
    """Weighted sums of what queries read between the cells of several maps; zero outside them.

    Every head has channels, points and weights of its own. Points that are not finite read zero.
    The gradient at a cell's centre is as that of `bilinear_gather`.

    Args:
      levels: L maps [B, h, w, M, E] of M heads with E channels each, of any sizes.
      points: [B, Q, M, L, P, 2] as (x, y), shares of the width and height of each level's map:
        (0, 0) is its corner, (1, 1) the opposite one.
      weights: [B, Q, M, L, P].

    Returns:
      [B, Q, M, E], in the type of the maps.

    Raises:
      ValueError: the shapes do not belong together.
    """
    _check(levels, points, weights)
    shapes = tuple((x.shape[1], x.shape[2]) for x in levels)
    cells = jnp.concatenate([x.reshape(len(x), -1, *x.shape[3:]) for x in levels], axis=1)
    # One image and one head at a time: cells [N, E], points [Q, L, P, 2], weights [Q, L, P].
    read = functools.partial(_read, shapes)
    return jax.vmap(jax.vmap(read, (1, 1, 1), 1))(cells, points, weights)


@functools.partial(jax.custom_vjp, nondiff_argnums=(0,))
def _read(shapes, cells, points, weights):
    """[Q, E] of one image and head, of the cells [N, E] of all levels."""
    place = _places(shapes, points)
    shares = _shares(place) * weights.reshape(place.index.shape)[..., None]
    rows = _squares(shapes, cells)[place.index]
    read = corner_sums().weighted(rows, shares.astype(cells.dtype), points.dtype)
    return read.astype(cells.dtype)


def _read_forward(shapes, cells, points, weights):
    return _read(shapes, cells, points, weights), (cells, points, weights)


def _read_backward(shapes, saved, gradient):
    # What the points read is read again instead of being kept.
    cells, points, weights = saved
    exact, sums = points.dtype, corner_sums()
    place = _places(shapes, points)
    shares, flat = _shares(place), weights.reshape(place.index.shape)
    squares = functools.partial(_squares, shapes)
    along = sums.along(squares(cells)[place.index], gradient, exact)
    along = jnp.where(place.inside[..., None], along, 0)
    by_weights = (along * shares).sum(axis=-1)
    by_points = _slopes(place.part, along) * flat[..., None]
    by_points = by_points.reshape(points.shape) * _sides(shapes).astype(exact)[:, None]
    pushed = sums.pushed(shares * flat[..., None], gradient, exact)
    table = jax.eval_shape(squares, cells)
    by_table = jnp.zeros(table.shape, exact).at[place.index].add(pushed)
    turned = jax.linear_transpose(squares, jax.ShapeDtypeStruct(cells.shape, exact))
    (by_cells,) = turned(by_table)
    by_weights = by_weights.reshape(weights.shape)
    return by_cells.astype(cells.dtype), by_points, by_weights.astype(weights.dtype)


_read.defvjp(_read_forward, _read_backward)


class _Place(NamedTuple):
    """Where K = L P points of a query lie.

    Attributes:
      index: [Q, K], number of the four cells around it among those of `_squares`.
      part: [Q, K, 2] of a cell, from the upper left one of the four to the point.
      inside: [Q, K], whether one of the four is on the map.
    """

    index: jax.Array
    part: jax.Array
    inside: jax.Array


def _sides(shapes) -> np.ndarray:
    """[L, 2] int, columns and rows of the levels."""
    return np.array([(width, height) for height, width in shapes])


def _squares(shapes, cells: jax.Array) -> jax.Array:
    """Every four neighbours side by side, [N', 4 E], with zeros around each level.

    A gather is paid by the row, so the cells around a point are one.
    """
    ends = np.cumsum([height * width for height, width in shapes])[:-1]
    squares = []
    for x, (height, width) in zip(jnp.split(cells, ends), shapes, strict=True):
        x = jnp.pad(x.reshape(height, width, -1), ((1, 1), (1, 1), (0, 0)))
        corners = [x[r : r + height + 1, c : c + width + 1] for r in (0, 1) for c in (0, 1)]
        squares.append(jnp.concatenate(corners, axis=-1).reshape(-1, CORNERS * x.shape[-1]))
    return jnp.concatenate(squares)


def _places(shapes, points: jax.Array) -> _Place:
    """Of points [Q, L, P, 2]."""
    sides = _sides(shapes)
    sizes = (sides + 1).prod(axis=1)
    starts = (np.cumsum(sizes) - sizes)[:, None]
    at = points * sides[:, None].astype(points.dtype) - 0.5
    low = jnp.floor(at)
    inside = ((low >= -1) & (low < sides[:, None])).all(axis=-1)
    part = jnp.where(inside[..., None], at - low, 0)
    column, row = (jnp.where(inside, low[..., k] + 1, 0).astype(jnp.int32) for k in range(2))
    index = starts + row * (sides[:, :1] + 1) + column
    return _Place(*(x.reshape(len(points), -1, *x.shape[3:]) for x in (index, part, inside)))


def _shares(place: _Place) -> jax.Array:
    """[Q, K, 4], what each corner counts for."""
    x, y = place.part[..., 0], place.part[..., 1]
    shares = jnp.stack([(1 - x) * (1 - y), x * (1 - y), (1 - x) * y, x * y], axis=-1)
    return jnp.where(place.inside[..., None], shares, 0)


def _slopes(part: jax.Array, along: jax.Array) -> jax.Array:
    """[Q, K, 2], how the sum of `along` [Q, K, 4] by shares changes with the point, by the cell."""
    x, y = part[..., 0], part[..., 1]
    upper_left, upper_right, lower_left, lower_right = (along[..., k] for k in range(CORNERS))
    by_x = (upper_right - upper_left) * (1 - y) + (lower_right - lower_left) * y
    by_y = (lower_left - upper_left) * (1 - x) + (lower_right - upper_right) * x
    return jnp.stack([by_x, by_y], axis=-1)


def _check(levels: Sequence[jax.Array], points: jax.Array, weights: jax.Array) -> None:
    if points.ndim != 6 or points.shape[3] != len(levels) or points.shape[-1] != 2:
        raise ValueError(
            f"points are {points.shape}; expected (B, Q, M, {len(levels)}, P, 2) for "
            f"{len(levels)} levels"
        )
    batch, _, heads = points.shape[:3]
    if weights.shape != points.shape[:-1]:
        raise ValueError(f"weights are {weights.shape}; expected {points.shape[:-1]}")
    for level in levels:
        if level.ndim != 5 or level.shape[0] != batch or level.shape[3] != heads:
            raise ValueError(f"a level is {level.shape}; expected ({batch}, h, w, {heads}, E)")
