"""Where the cells of a pyramid lie on the frame, whose canvas is padded: places and their codes.

Source: Deformable DETR and its published code, whose rounding is kept: codes of padding depend on
it.
"""

from __future__ import annotations

from collections.abc import Sequence

import flax
import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.ops.resize import nearest_index

BASE = 10000.0  # ratio of the largest power of a position code to the smallest one, nearly
_ADDED = 1e-6  # to the number that counts are divided by
_TURN = 2 * np.pi


@flax.struct.dataclass
class LevelGeometry:
    """How much of each level of a pyramid lies on the frame.

    Attributes:
      shapes: (height, width) of each of L levels, in cells.
      counts: [B, L, 2] float32, columns and rows of a level that lie on the frame.
    """

    shapes: tuple[tuple[int, int], ...] = flax.struct.field(pytree_node=False)
    counts: jax.Array

    @property
    def sides(self) -> jax.Array:
        """[L, 2] float32, columns and rows of the levels."""
        return jnp.asarray([(width, height) for height, width in self.shapes], jnp.float32)

    @property
    def ratios(self) -> jax.Array:
        """[B, L, 2], share of the columns and rows of each level that lie on the frame."""
        return self.counts / self.sides

    def split(self, cells: jax.Array) -> list[jax.Array]:
        """Cells [B, N, ...] of all levels, one level after the other, as maps [B, h, w, ...]."""
        ends = np.cumsum([height * width for height, width in self.shapes])[:-1]
        parts = zip(jnp.split(cells, ends, axis=1), self.shapes, strict=True)
        return [x.reshape(len(x), *shape, *x.shape[2:]) for x, shape in parts]

    def on_frame(self) -> jax.Array:
        """[B, N] bool, the cells of all levels that lie on the frame."""
        grids = [rows[:, :, None] & columns[:, None] for columns, rows in self._axes()]
        return join_levels([x[..., None] for x in grids])[..., 0]

    def places(self) -> jax.Array:
        """[B, N, 2], centres (x, y) of all cells, shares of the frame; those of padding lie off it.

        Only the middle of a cell is meant: (0, 0) is the upper left corner of the frame.
        """
        maps = []
        for number, (height, width) in enumerate(self.shapes):
            extent = self.ratios[:, number] * self.sides[number]  # rounds as the published code
            x = (np.arange(width) + 0.5)[None] / extent[:, :1]
            y = (np.arange(height) + 0.5)[None] / extent[:, 1:]
            shape = (len(x), height, width)
            x, y = jnp.broadcast_to(x[:, None], shape), jnp.broadcast_to(y[:, :, None], shape)
            maps.append(jnp.stack([x, y], axis=-1))
        return join_levels(maps)

    def position_codes(self, channels: int) -> list[jax.Array]:
        """Sine and cosine of rows (first half of the channels) and columns: maps [B, h, w, C].

        Counts along an axis are divided by their last one. Where a whole row or column is padding
        both are 0, and the code is that of -0.5e6 turns: it means nothing, but it is read.
        """
        powers = _powers(channels // 2)
        nowhere = _code_of_padding(powers)
        codes = []
        for number, (columns, rows) in enumerate(self._axes()):
            counts = self.counts[:, number]
            by_column = _axis_code(columns.shape[1], counts[:, 0], powers)
            by_row = _axis_code(rows.shape[1], counts[:, 1], powers)
            y = jnp.where(columns[:, None, :, None], by_row[:, :, None], nowhere)
            x = jnp.where(rows[:, :, None, None], by_column[:, None], nowhere)
            codes.append(jnp.concatenate([y, x], axis=-1))
        return codes

    def _axes(self) -> list[tuple[jax.Array, jax.Array]]:
        """Of each level: which columns [B, w] and rows [B, h] lie on the frame."""
        return [
            (np.arange(width) < self.counts[:, i, :1], np.arange(height) < self.counts[:, i, 1:])
            for i, (height, width) in enumerate(self.shapes)
        ]


def level_geometry(
    shapes: Sequence[tuple[int, int]], canvas: tuple[int, int], image_size: jax.Array
) -> LevelGeometry:
    """Geometry of levels of a canvas, three with strides that divide it and then others.

    A cell lies on the frame if the pixel does that the nearest resizing of a mask reads for it. The
    published code resizes the mask of the frame for the levels of the backbone, and the mask of the
    first level for all others.

    Args:
      shapes: (height, width) of the levels, in cells.
      canvas: (height, width) in pixels.
      image_size: [B, 2], (height, width) of the frames without padding.
    """
    counts = []
    for number, shape in enumerate(shapes):
        axes = []
        for axis in (1, 0):
            pixels = nearest_index(canvas[axis], shape[axis])
            if number >= BACKBONE_LEVELS:
                first = shapes[0][axis]
                pixels = nearest_index(canvas[axis], first)[nearest_index(first, shape[axis])]
            axes.append(jnp.sum(pixels < image_size[:, axis, None], axis=1))
        counts.append(jnp.stack(axes, axis=-1))
    return LevelGeometry(tuple(shapes), jnp.stack(counts, axis=1).astype(jnp.float32))


BACKBONE_LEVELS = 3


def join_levels(maps: Sequence[jax.Array]) -> jax.Array:
    """Maps [B, h, w, ...] as cells [B, N, ...], one level after the other, row by row."""
    flat = [x.reshape(len(x), x.shape[1] * x.shape[2], *x.shape[3:]) for x in maps]
    return jnp.concatenate(flat, axis=1)


def _powers(channels: int) -> np.ndarray:
    """[C] float32, equal for a sine and the cosine after it."""
    exponents = 2 * (np.arange(channels) // 2) / channels
    return (BASE**exponents).astype(np.float32)


def _axis_code(length: int, count: jax.Array, powers: np.ndarray) -> jax.Array:
    """[B, length, C] of the cells of an axis, of which the first `count` [B] lie on the frame."""
    number = jnp.minimum(np.arange(1, length + 1, dtype=np.float32), count[:, None])
    turns = (number - 0.5) / (count[:, None] + _ADDED)
    angles = (turns * _TURN)[..., None] / powers
    even = np.arange(len(powers)) % 2 == 0
    return jnp.where(even, jnp.sin(angles), jnp.cos(angles))


def _code_of_padding(powers: np.ndarray) -> np.ndarray:
    """[C] float32; the angle is rounded to float32, its sine is exact."""
    turns = (np.float32(0) - np.float32(0.5)) / (np.float32(0) + np.float32(_ADDED))
    angles = np.float64(turns * np.float32(_TURN) / powers)
    even = np.arange(len(powers)) % 2 == 0
    return np.where(even, np.sin(angles), np.cos(angles)).astype(np.float32)
