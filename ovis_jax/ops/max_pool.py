"""Largest values of windows; two programs of the same numbers, `implementations` chooses.

The gradient of `reduce_window` is XLA's `select_and_scatter`, which its CPU compiler turns into a
reduction that carries the four coordinates of every cell along, as arrays. The other program finds
the largest cell of a window by comparing, in a few passes over the map.
"""

import functools

import jax
import jax.numpy as jnp
from flax import linen as nn


def by_selection(x: jax.Array, size: int, stride: int, pad: int) -> jax.Array:
    """With the compiler's own gradient.

    Args:
      x: [B, H, W, C], float.
      size: cells of a window along each side.
      stride: cells from one window to the next.
      pad: cells around the map that are below every value; less than `size`.

    Returns:
      [B, (H + 2 pad - size) // stride + 1, (W + 2 pad - size) // stride + 1, C], the largest value
      of each window. Of equal ones the first, row by row, has the gradient.
    """
    return nn.max_pool(x, (size, size), (stride, stride), padding=((pad, pad), (pad, pad)))


@functools.partial(jax.custom_vjp, nondiff_argnums=(1, 2, 3))
def by_comparison(x: jax.Array, size: int, stride: int, pad: int) -> jax.Array:
    """With a gradient by comparisons, in reverse mode only. Arguments: see `by_selection`."""
    return by_selection(x, size, stride, pad)


def _forward(x: jax.Array, size: int, stride: int, pad: int):
    return by_selection(x, size, stride, pad), x


def _backward(size: int, stride: int, pad: int, x, cotangent: jax.Array) -> tuple[jax.Array]:
    first = _first_largest(x, cotangent.shape, size, stride, pad)
    return (_to_cells(first, cotangent, x.shape, size, stride, pad),)


def _first_largest(x, windows: tuple[int, ...], size: int, stride: int, pad: int) -> jax.Array:
    """Number of the first cell, row by row, with the largest value of windows [B, h, w, C].

    The map alone is read, never compared for equality with the values of the windows: the compiler
    may compute what the map is made of once more here, and round it otherwise than there. A window
    would then have no cell, and its gradient would be lost.
    """
    side = ((pad, pad), (pad, pad))
    padded = jnp.pad(x, ((0, 0), *side, (0, 0)), constant_values=-jnp.inf)
    height, width = windows[1:3]
    largest = jnp.full(windows, -jnp.inf, x.dtype)
    first = jnp.zeros(windows, jnp.int32)
    for number in reversed(range(size**2)):
        row, column = divmod(number, size)
        rows = slice(row, row + stride * (height - 1) + 1, stride)
        columns = slice(column, column + stride * (width - 1) + 1, stride)
        cell = padded[:, rows, columns]
        first = jnp.where(cell >= largest, number, first)
        largest = jnp.maximum(cell, largest)
    return first


def _to_cells(first, cotangent, shape, size: int, stride: int, pad: int) -> jax.Array:
    """Sums cotangents [B, h, w, C] of windows in their chosen cells; [B, H, W, C].

    Cells whose rows and columns leave the same remainder by the stride are summed together.
    """
    batch, height, width, channels = shape
    reach = -(-size // stride)  # windows that a cell is in, along a side
    rows, columns = (-(-(n + 2 * pad) // stride) for n in (height, width))

    def phase(top: int, left: int) -> jax.Array:
        total = jnp.zeros((batch, rows, columns, channels), cotangent.dtype)
        for down in range(reach):
            for right in range(reach):
                row, column = top + stride * down, left + stride * right
                if row < size and column < size:
                    own = jnp.where(first == row * size + column, cotangent, 0)
                    after = rows - down - own.shape[1], columns - right - own.shape[2]
                    sides = ((0, 0), (down, after[0]), (right, after[1]), (0, 0))
                    total += jax.lax.pad(own, jnp.zeros((), own.dtype), [(*n, 0) for n in sides])
        return total

    phases = jnp.stack([jnp.stack([phase(i, j) for j in range(stride)]) for i in range(stride)])
    cells = phases.transpose(2, 3, 0, 4, 1, 5)
    cells = cells.reshape(batch, rows * stride, columns * stride, channels)
    return cells[:, pad : pad + height, pad : pad + width]


by_comparison.defvjp(_forward, _backward)
