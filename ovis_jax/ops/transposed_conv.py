"""Transposed convolution of each channel for itself, which enlarges a map.

Two programs of the same numbers; `implementations` chooses.
"""

import jax
import jax.numpy as jnp
import numpy as np


def as_dilated(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """As a convolution of the map with zeros between its cells.

    Args:
      x: [B, H, W, C].
      kernel: [2f, 2f, 1, C], f even; cell i of the map adds kernel[u] to row
        f * i - f // 2 + u of the result, where that exists, and likewise in columns.

    Returns:
      [B, f * H, f * W, C].
    """
    side, channels = len(kernel), x.shape[-1]
    factor = side // 2
    pad = side - 1 - factor // 2
    return jax.lax.conv_general_dilated(
        x,
        kernel[::-1, ::-1],
        window_strides=(1, 1),
        padding=((pad, pad), (pad, pad)),
        lhs_dilation=(factor, factor),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=channels,
    )


def by_phases(x: jax.Array, kernel: jax.Array) -> jax.Array:
    """Every row of a result reads two of three rows around it, by its place among f ones.

    On CPUs, where the compiler computes the other way in loops of its own, many times as
    slowly. Arguments: see `as_dilated`.
    """
    factor = len(kernel) // 2
    batch, height, width, channels = x.shape
    around = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    read, row = _rows_of_kernel(factor)
    total = 0
    for i in range(3):
        for j in range(3):
            own = kernel[row[i]][:, row[j], 0]  # [f, f, C]
            own = jnp.where((read[i][:, None] & read[j])[..., None], own, 0)
            cells = around[:, i : i + height, None, j : j + width, None]
            total = total + cells * own[:, None]
    return total.reshape(batch, factor * height, factor * width, channels)


def _rows_of_kernel(factor: int) -> tuple[np.ndarray, np.ndarray]:
    """Which row of the kernel a result reads of the cells before, at and behind it; [3, f] both.

    Returns:
      whether it reads that cell, and the row, 0 where it does not.
    """
    row = np.arange(factor) + factor // 2 + factor * (1 - np.arange(3)[:, None])
    read = (row >= 0) & (row < 2 * factor)
    return read, np.where(read, row, 0)
