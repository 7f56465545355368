"""Deformable convolution: every tap reads the map at its own offset."""

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.ops import deform_conv_gather, implementations

_UNROLLED_TAPS = 9  # programs that list more taps one by one take minutes to compile


def deform_conv(
    features: jax.Array,
    offsets: jax.Array,
    kernel: jax.Array,
    modulation: jax.Array | None = None,
    *,
    stride: int = 1,
) -> jax.Array:
    """Convolves with displaced taps; padded by half the kernel with zeros, without bias.

    Source: Dai et al. 2017 (version 1), as its published CUDA kernel computes it: a tap beyond the
    border mixes the border with zeros. With modulation: Zhu et al. 2019 (version 2).

    Args:
      features: [B, H, W, C].
      offsets: [B, h, w, 2 * kh * kw * G] in cells: for each of G groups (dy, dx) of each tap, taps
        row by row. A group moves an equal share of the channels, in their order.
      kernel: [kh, kw, C, F] with odd sides.
      modulation: [B, h, w, kh * kw * G], factors of the taps' samples in the order of the offsets,
        or None: all are 1. A tap of factor 0 adds nothing, and its factor has a gradient.
      stride: cells from one position of the kernel to the next, in both axes.

    Returns:
      [B, h, w, F]; h is H / stride and w is W / stride, rounded up.

    Raises:
      ValueError: the offsets or the modulation do not belong to the kernel and the map.
    """
    batch, *size, channels = features.shape
    height, width = (-(-side // stride) for side in size)
    rows, columns = kernel.shape[:2]
    groups, rest = divmod(offsets.shape[-1], 2 * rows * columns)
    if offsets.shape[:-1] != (batch, height, width) or rest or not groups or channels % groups:
        raise ValueError(
            f"offsets have shape {offsets.shape}; expected {(batch, height, width)} and 2 numbers "
            f"for each of the {rows}x{columns} taps, or several times as many of which each moves "
            f"an equal share of the {channels} channels"
        )
    kernel = kernel.reshape(-1, *kernel.shape[2:])
    sides = rows, columns, stride
    if modulation is not None:
        return _modulated(features, offsets, kernel, modulation, sides)
    if stride == 1 and rows * columns <= _UNROLLED_TAPS:
        convolve = implementations.deform_conv(features)
    else:
        convolve = deform_conv_gather.all_taps_at_once
    convolve = jax.jit(convolve)  # so that groups and levels of one size are traced once
    return sum(
        convolve(own_features, _sampling_points(own_offsets, *sides), own_kernel)
        for own_features, own_offsets, own_kernel in zip(
            jnp.split(features, groups, axis=-1),
            jnp.split(offsets, groups, axis=-1),
            jnp.split(kernel, groups, axis=1),
            strict=True,
        )
    )


def _modulated(features, offsets, kernel, modulation, sides: tuple[int, int, int]) -> jax.Array:
    """Version 2, for a kernel [T, C, F] of T = rows * columns taps; `sides` are those, stride."""
    taps, groups = len(kernel), offsets.shape[-1] // (2 * len(kernel))
    expected = (*offsets.shape[:-1], taps * groups)
    if modulation.shape != expected:
        raise ValueError(f"modulation has shape {modulation.shape}; expected {expected}")
    total = 0
    for group in range(groups):
        own = slice(group * taps, (group + 1) * taps)
        channels = jnp.split(features, groups, axis=-1)[group]
        points = _sampling_points(offsets[..., 2 * own.start : 2 * own.stop], *sides)
        matrices = jnp.split(kernel, groups, axis=1)[group]
        scales = jnp.moveaxis(modulation[..., own], -1, 0)
        total = total + deform_conv_gather.modulated(channels, points, matrices, scales)
    return total


def _sampling_points(offsets: jax.Array, rows: int, columns: int, stride: int) -> jax.Array:
    """Where each tap reads: [T, B, h, w, 2] as (x, y) in cells, for offsets [B, h, w, 2 * T]."""
    batch, height, width, _ = offsets.shape
    # bfloat16 is too coarse for positions.
    offsets = offsets.astype(jnp.promote_types(offsets.dtype, jnp.float32))
    offsets = offsets.reshape(batch, height, width, rows, columns, 2)
    grid = np.meshgrid(
        stride * np.arange(height),
        stride * np.arange(width),
        np.arange(rows) - rows // 2,
        np.arange(columns) - columns // 2,
        indexing="ij",
    )
    points = jnp.stack([grid[1] + grid[3] + offsets[..., 1], grid[0] + grid[2] + offsets[..., 0]])
    return jnp.transpose(points.reshape(2, batch, height, width, -1), (4, 1, 2, 3, 0))
