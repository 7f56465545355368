"""Deformable convolution by products with matrices of bilinear weights.

The map is cut into tiles. What the points of a tile read lies in a window of cells; a matrix of
bilinear weights [points, cells] times the window gives all samples at once, and its transpose takes
gradients back to the cells. The window begins where the first point of the tile reads. Points that
spread further than a window are served by more windows, as many as are needed: the result is exact
for any points.

One difference to a gather: a cell that is not finite spoils all points of its tile.
"""

from __future__ import annotations

from collections.abc import Callable

import flax
import jax
import jax.numpy as jnp
import numpy as np

TILE = (8, 16)
WINDOW = (16, 24)


@flax.struct.dataclass
class _Tiles:
    """One row of tiles, G of them.

    Attributes:
      points: [G, T, N, 2] as (x, y), of T taps at N positions.
      valid: [G, T, N] bool, the point reads the map.
      origin: [G, 2] int32, x and y of the first cell that is read.
      windows: [G, 2] int32, how many windows lie beside and below each other.
    """

    points: jax.Array
    valid: jax.Array
    origin: jax.Array
    windows: jax.Array

    @classmethod
    def of(cls, points: jax.Array, size: tuple[int, int]) -> _Tiles:
        """Tiles of points [G, T, N, 2] on a map of that (width, height)."""
        valid = jnp.all((points > -1) & (points < np.array(size)), axis=-1)  # False for NaN
        points = jnp.where(valid[..., None], points, 0)
        low = jnp.floor(points).astype(jnp.int32)
        first = jnp.min(jnp.where(valid[..., None], low, np.int32(max(size))), axis=(1, 2))
        last = jnp.max(jnp.where(valid[..., None], low + 1, -1), axis=(1, 2))
        window = np.array(WINDOW[::-1])
        count = jnp.where(last >= first, (last - first) // window + 1, 0)
        return cls(points=points, valid=valid, origin=first, windows=count)

    @property
    def rounds(self) -> jax.Array:
        """Windows of the tile that needs most."""
        return jnp.max(jnp.prod(self.windows, axis=-1))

    def corner(self, number: jax.Array, size: tuple[int, int]) -> tuple[jax.Array, jax.Array]:
        """Corners [G, 2] of each tile's window of that number, and whether [G] there is one."""
        across = jnp.maximum(self.windows[:, 0], 1)
        place = jnp.stack([number % across, number // across], axis=-1)
        corner = self.origin + place * np.array(WINDOW[::-1])
        active = number < jnp.prod(self.windows, axis=-1)
        return jnp.clip(corner, -1, np.array(size)), active

    def weights(self, corner: jax.Array, active: jax.Array) -> tuple[jax.Array, ...]:
        """Bilinear weights [G, T, N, K] of the cells of a window, by rows and by columns.

        Returns:
          Weights along y, their slopes, weights along x, their slopes.
        """
        # For each cell, not for each row and column: all of it stays inside one fused kernel.
        cell = np.arange(WINDOW[0] * WINDOW[1])
        used = (self.valid & active[:, None, None])[..., None]
        found = []
        for axis, place in ((1, cell // WINDOW[1]), (0, cell % WINDOW[1])):
            position = self.points[..., axis] - corner[:, None, None, axis]
            away = position[..., None] - jnp.asarray(place, position.dtype)
            weight = jnp.where(used, jnp.maximum(1 - jnp.abs(away), 0), 0)
            near = used & (away >= -1) & (away < 1)
            slope = jnp.where(near, jnp.where(away >= 0, -1, 1), 0).astype(position.dtype)
            found += [weight, slope]
        return tuple(found)


@jax.custom_vjp
def in_windows(features: jax.Array, points: jax.Array, kernel: jax.Array) -> jax.Array:
    """As `deform_conv_gather.tap_by_tap`."""
    padded, size = _padded(features), _size(features)
    exact = jnp.promote_types(features.dtype, jnp.float32)

    def row_of_tiles(_, points):
        tiles = _Tiles.of(points, size)

        def add(number, total):
            corner, active = tiles.corner(number, size)
            y, _, x, _ = tiles.weights(corner, active)
            samples = _sample(y * x, _read(padded, corner))
            own = jnp.einsum("gtnc,tcf->gnf", samples, kernel, preferred_element_type=exact)
            return total + own

        zeros = jnp.zeros((len(points), TILE[0] * TILE[1], kernel.shape[-1]), exact)
        return None, _for_each(tiles.rounds, add, zeros).astype(features.dtype)

    _, rows = jax.lax.scan(row_of_tiles, None, _cut(points))
    return _join(rows, features.shape[:3])


def _forward(features, points, kernel):
    return in_windows(features, points, kernel), (features, points, kernel)


def _backward(saved, gradient):
    features, points, kernel = saved
    padded, size = _padded(features), _size(features)
    exact = jnp.promote_types(features.dtype, jnp.float32)

    def row_of_tiles(carry, row):
        points, gradient = row[0], row[1][:, 0]  # [G, T, N, 2], [G, N, F]
        tiles = _Tiles.of(points, size)
        by_samples = jnp.einsum("gnf,tcf->gtnc", gradient, kernel)

        def add(number, state):
            by_features, by_kernel, by_points = state
            corner, active = tiles.corner(number, size)
            window = _read(padded, corner)
            y, y_slope, x, x_slope = tiles.weights(corner, active)
            samples = _sample(y * x, window)
            by_kernel += jnp.einsum(
                "gtnc,gnf->tcf", samples, gradient, preferred_element_type=exact
            )
            by_weights = jnp.einsum(
                "gtnc,gkc->gtnk", by_samples, window, preferred_element_type=exact
            )
            by_x = jnp.sum(y * x_slope * by_weights, axis=-1)
            by_y = jnp.sum(y_slope * x * by_weights, axis=-1)
            own = jnp.einsum(
                "gtnk,gtnc->gkc",
                (y * x).astype(window.dtype),
                by_samples,
                preferred_element_type=exact,
            )
            return (
                _add(by_features, own, corner),
                by_kernel,
                by_points + jnp.stack([by_x, by_y], -1),
            )

        by_features, by_kernel, by_points = _for_each(
            tiles.rounds, add, (*carry, jnp.zeros_like(points))
        )
        return (by_features, by_kernel), by_points

    start = jnp.zeros(padded.shape, exact), jnp.zeros(kernel.shape, exact)
    rows = _cut(points), _cut(gradient[None])
    (by_features, by_kernel), by_points = jax.lax.scan(row_of_tiles, start, rows)
    height, width = features.shape[1:3]
    by_features = by_features[:, 1 : 1 + height, 1 : 1 + width]
    by_points = [_join(by_points[:, :, t], features.shape[:3]) for t in range(len(kernel))]
    return by_features.astype(features.dtype), jnp.stack(by_points), by_kernel.astype(kernel.dtype)


in_windows.defvjp(_forward, _backward)


def _sample(weights: jax.Array, window: jax.Array) -> jax.Array:
    """Samples [G, T, N, C] by weights [G, T, N, K] of the cells of windows [G, K, C]."""
    return jnp.einsum("gtnk,gkc->gtnc", weights.astype(window.dtype), window)


def _for_each(count: jax.Array, step: Callable, state):
    """`state` after `step(number, state)` for all numbers below `count`."""

    def advance(numbered):
        number, state = numbered
        return number + 1, step(number, state)

    return jax.lax.while_loop(lambda x: x[0] < count, advance, (jnp.int32(0), state))[1]


def _size(features: jax.Array) -> tuple[int, int]:
    """(width, height)."""
    return features.shape[2], features.shape[1]


def _padded(features: jax.Array) -> jax.Array:
    """Features with zeros around them, so that every window lies inside."""
    height, width = WINDOW
    return jnp.pad(features, ((0, 0), (1, height), (1, width), (0, 0)))


def _starts(number, corner, tiles: int, batch: int):
    """Where the window of a tile of a row begins in the padded features."""
    return number // (tiles // batch), corner[1] + 1, corner[0] + 1, 0


def _read(padded: jax.Array, corner: jax.Array) -> jax.Array:
    """Windows [G, h * w, C] with corners [G, 2]."""
    count, (batch, *_, channels) = len(corner), padded.shape

    def read(number):
        start = _starts(number, corner[number], count, batch)
        return jax.lax.dynamic_slice(padded, start, (1, *WINDOW, channels))

    windows = [read(number) for number in range(count)]
    return jnp.concatenate(windows).reshape(count, -1, channels)


def _add(total: jax.Array, windows: jax.Array, corner: jax.Array) -> jax.Array:
    """Adds windows [G, h * w, C] to padded features at their corners."""
    batch, *_, channels = total.shape
    shape = (1, *WINDOW, channels)

    for number, window in enumerate(windows):  # windows overlap
        start = _starts(number, corner[number], len(corner), batch)
        own = jax.lax.dynamic_slice(total, start, shape) + window.reshape(shape)
        total = jax.lax.dynamic_update_slice(total, own, start)
    return total


def _cut(x: jax.Array) -> jax.Array:
    """Cuts maps [T, B, H, W, D] into tiles: [rows, B * columns, T, N, D].

    Positions beyond the map are filled with -2, which no point reads and no gradient has a use for.
    """
    taps, batch, height, width, depth = x.shape
    tile = TILE
    rows, columns = -(-height // tile[0]), -(-width // tile[1])
    padding = (0, rows * tile[0] - height), (0, columns * tile[1] - width)
    x = jnp.pad(x, ((0, 0), (0, 0), *padding, (0, 0)), constant_values=-2)
    x = x.reshape(taps, batch, rows, tile[0], columns, tile[1], depth)
    x = jnp.transpose(x, (2, 1, 4, 0, 3, 5, 6))
    return x.reshape(rows, batch * columns, taps, -1, depth)


def _join(x: jax.Array, shape: tuple[int, int, int]) -> jax.Array:
    """Inverse of `_cut` for one tap: [rows, B * columns, N, D] to [B, H, W, D]."""
    batch, height, width = shape
    x = x.reshape(len(x), batch, -1, *TILE, x.shape[-1])
    x = jnp.transpose(x, (1, 0, 3, 2, 4, 5))
    x = x.reshape(batch, x.shape[1] * TILE[0], -1, x.shape[-1])
    return x[:, :height, :width]
