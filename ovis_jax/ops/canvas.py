"""One map for all levels of a pyramid, so that a layer runs once instead of once a level."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

_FAR = -1e6  # an offset that leads out of every map


@dataclasses.dataclass(frozen=True)
class Canvas:
    """Where the levels lie on a map; zeros stand between them.

    Attributes:
      height: of the map.
      width: of the map.
      places: (top, left, height, width) of each level.
    """

    height: int
    width: int
    places: tuple[tuple[int, int, int, int], ...]

    @property
    def mask(self) -> np.ndarray:
        """[height, width] bool, the cells of levels."""
        mask = np.zeros((self.height, self.width), bool)
        for top, left, height, width in self.places:
            mask[top : top + height, left : left + width] = True
        return mask

    def pack(self, levels: Sequence[jax.Array]) -> jax.Array:
        """Levels [B, h, w, C] on a map [B, height, width, C]."""
        batch, channels = levels[0].shape[0], levels[0].shape[-1]
        canvas = jnp.zeros((batch, self.height, self.width, channels), levels[0].dtype)
        for level, (top, left, _, _) in zip(levels, self.places, strict=True):
            canvas = jax.lax.dynamic_update_slice(canvas, level, (0, top, left, 0))
        return canvas

    def unpack(self, canvas: jax.Array) -> tuple[jax.Array, ...]:
        """The levels of a map: the inverse of `pack`."""
        return tuple(
            canvas[:, top : top + height, left : left + width]
            for top, left, height, width in self.places
        )

    def clear(self, canvas: jax.Array) -> jax.Array:
        """The map [..., height, width, C] with zeros between the levels."""
        return jnp.where(self.mask[..., None], canvas, 0)

    @property
    def bounds(self) -> np.ndarray:
        """[height, width, 4] float32: top, left, bottom and right of each cell's level.

        The first and the last cell of the level; between levels no cell lies inside.
        """
        bounds = np.full((self.height, self.width, 4), (1, 1, -1, -1), np.float32)
        for top, left, height, width in self.places:
            own = slice(top, top + height), slice(left, left + width)
            bounds[own] = (top, left, top + height - 1, left + width - 1)
        return bounds


@functools.cache
def canvas_of(shapes: tuple[tuple[int, int], ...], gap: int) -> Canvas:
    """The smallest of some layouts: the first level on top, the others in columns below it.

    Args:
      shapes: (height, width) of the levels, each no larger than the one before.
      gap: cells between levels, along each axis.
    """
    layouts = itertools.product((False, True), repeat=max(len(shapes) - 2, 0))
    canvases = (_columns(shapes, gap, (True, *starts)) for starts in layouts)
    return min(canvases, key=lambda x: x.height * x.width)


def _columns(shapes, gap: int, starts: Sequence[bool]) -> Canvas:
    """The layout in which the levels after the first begin a new column where `starts` says so."""
    places = [(0, 0, *shapes[0])]
    left, next_left = 0, 0
    for (height, width), new in zip(shapes[1:], starts, strict=False):
        if new:
            left, top = next_left, shapes[0][0] + gap
        places.append((top, left, height, width))
        top, next_left = top + height + gap, max(next_left, left + width + gap)
    ends = np.array([(top + height, left + width) for top, left, height, width in places])
    return Canvas(*map(int, ends.max(axis=0)), tuple(places))


def keep_on_level(offsets: jax.Array, side: int, canvas: Canvas) -> jax.Array:
    """Offsets of a deformable convolution over a canvas, of which each tap stays on its level.

    A tap that would read another level reads nothing, as beyond the border of a level.

    Args:
      offsets: [B, height, width, 2 * side**2 * G], as `deform_conv` takes them.
      side: of the kernel, odd.
      canvas: where the levels lie.
    """
    pairs = offsets.reshape(*offsets.shape[:3], -1, side, side, 2)
    top, left, bottom, right = np.moveaxis(canvas.bounds, -1, 0)[..., None, None, None]
    y, x = np.mgrid[: canvas.height, : canvas.width].astype(np.float32)[..., None, None, None]
    step = np.arange(side, dtype=np.float32) - side // 2
    rows = y + step[:, None] + pairs[..., 0]
    columns = x + step + pairs[..., 1]
    on_level = (rows > top - 1) & (rows < bottom + 1) & (columns > left - 1) & (columns < right + 1)
    return jnp.where(on_level[..., None], pairs, _FAR).reshape(offsets.shape)
