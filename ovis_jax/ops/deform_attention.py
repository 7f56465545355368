"""Multi-scale deformable attention: each query reads a few points of every level of a pyramid.

Source: Zhu et al. 2021, Deformable DETR, equation 3.
"""

import functools
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

TAPS = 4  # cells around a point


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
    tap = _taps(shapes, points)

    def add(number, total):
        index, (x, _), (y, _) = tap(number)
        share = (weights * x * y).astype(cells.dtype)
        return total + jnp.einsum(
            "qlpe,qlp->qe", cells[index], share, preferred_element_type=points.dtype
        )

    # One tap at a time: together they would be 4 P L numbers for each one of the output.
    start = jnp.zeros((len(points), cells.shape[-1]), points.dtype)
    return jax.lax.fori_loop(0, TAPS, add, start).astype(cells.dtype)


def _read_forward(shapes, cells, points, weights):
    return _read(shapes, cells, points, weights), (cells, points, weights)


def _read_backward(shapes, saved, gradient):
    # What the points read is read again instead of being kept.
    cells, points, weights = saved
    exact = points.dtype
    gradient, tap = gradient.astype(exact), _taps(shapes, points)

    def add(number, totals):
        by_cells, by_x, by_y, by_weights = totals
        index, (x, slope_x), (y, slope_y) = tap(number)
        share = (weights * x * y)[..., None] * gradient[:, None, None]
        along = jnp.einsum("qlpe,qe->qlp", cells[index], gradient, preferred_element_type=exact)
        return (
            by_cells.at[index].add(share),
            by_x + along * slope_x * y,
            by_y + along * x * slope_y,
            by_weights + along * x * y,
        )

    zeros = jnp.zeros(weights.shape, exact)
    start = jnp.zeros(cells.shape, exact), zeros, zeros, zeros
    by_cells, by_x, by_y, by_weights = jax.lax.fori_loop(0, TAPS, add, start)
    sides = _sides(shapes).astype(exact)
    by_points = jnp.stack([by_x, by_y], axis=-1) * weights[..., None] * sides[:, None]
    return by_cells.astype(cells.dtype), by_points, by_weights.astype(weights.dtype)


_read.defvjp(_read_forward, _read_backward)


def _sides(shapes) -> np.ndarray:
    """[L, 2] int, columns and rows of the levels."""
    return np.array([(width, height) for height, width in shapes])


def _taps(shapes, points: jax.Array) -> Callable[[jax.Array], tuple]:
    """A function from a number, 0 to 3, to one of the cells around each point [Q, L, P, 2].

    It gives the number of the cell among those of all levels, [Q, L, P], then for x and for y its
    weight and the slope of the weight. Outside of the level all are 0.
    """
    sides = _sides(shapes)
    sizes = sides.prod(axis=1)
    starts = (np.cumsum(sizes) - sizes)[:, None]
    cells = points * sides[:, None].astype(points.dtype) - 0.5

    def of(number):
        upper = jnp.stack([number % 2, number // 2])
        low = jnp.floor(cells)
        part = cells - low
        index = low + upper
        inside = (index >= 0) & (index < sides[:, None])
        weight = jnp.where(inside, jnp.where(upper == 1, part, 1 - part), 0)
        slope = jnp.where(inside, jnp.where(upper == 1, 1.0, -1.0), 0).astype(points.dtype)
        column, row = (jnp.where(inside, index, 0).astype(jnp.int32)[..., i] for i in range(2))
        axes = ((weight[..., i], slope[..., i]) for i in range(2))
        return starts + row * sides[:, :1] + column, *axes

    return of


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
