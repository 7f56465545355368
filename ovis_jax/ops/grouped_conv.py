"""Convolution whose channels fall into groups; an output reads the inputs of its own group.

Three programs of the same numbers; `implementations` chooses.
"""

import jax
import jax.numpy as jnp

LANES = 128  # channels that a matrix unit takes at once
_WIDE = 32  # channels of groups that a TPU's compiler does better with (docs/devices.md)
_FEW_TAPS = 3  # rows of a kernel; with 7 the compiler's own program takes fewer cycles


def with_groups(
    x: jax.Array, kernel: jax.Array, groups: int, stride: int = 1, dilation: int = 1
) -> jax.Array:
    """As the compiler computes groups.

    Args:
      x: [B, H, W, C].
      kernel: [k, k, C / groups, C'], k odd; outputs of a group stand together, like its inputs.
      groups: C and C' are multiples of it.
      stride: in both axes.
      dilation: cells of the map from one cell of the kernel to the next.

    Returns:
      [B, H / stride, W / stride, C'], rounded up; zeros are padded by dilation * (k // 2) on every
      side.
    """
    pad = dilation * (kernel.shape[0] // 2)
    return jax.lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        ((pad, pad), (pad, pad)),
        rhs_dilation=(dilation, dilation),
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


def in_blocks(
    x: jax.Array, kernel: jax.Array, groups: int, stride: int = 1, dilation: int = 1
) -> jax.Array:
    """Groups of at least `LANES` channels, with kernels that are zero outside of blocks.

    More products, on units that would be idle for narrow groups. Groups of `_WIDE` channels stay.
    Arguments: see `with_groups`.
    """
    size, _, own, features = kernel.shape
    if own == 1:  # of each channel for itself: sums, no products of matrices
        each = all_taps if size <= _FEW_TAPS and features == groups else with_groups
        return each(x, kernel, groups, stride, dilation)
    joined = max(min(LANES // own, groups), 1)
    if own >= _WIDE or joined == 1 or groups % joined:
        return with_groups(x, kernel, groups, stride, dilation)
    fewer = groups // joined
    kernel = kernel.reshape(size, size, own, fewer, joined, features // groups)
    blocks = jnp.eye(joined, dtype=kernel.dtype)
    wide = jnp.einsum("yxifgo,jg->yxjifgo", kernel, blocks)
    wide = wide.reshape(size, size, joined * own, features)
    return with_groups(x, wide, fewer, stride, dilation)


def all_taps(
    x: jax.Array, kernel: jax.Array, groups: int, stride: int = 1, dilation: int = 1
) -> jax.Array:
    """Each channel for itself, as one sum of moved maps, which is rounded once.

    On TPUs it takes six to nine tenths of the cycles of `with_groups` for a 3x3 kernel
    (`benchmarks.token_operations`). Arguments: see `with_groups`; there are as many groups as
    channels and outputs.
    """
    del groups
    size, (_, height, width, _) = len(kernel), x.shape
    exact = jnp.promote_types(x.dtype, jnp.float32)
    pad = dilation * (size // 2)

    @jax.checkpoint  # the gradient keeps no moved maps of float32
    def summed(x: jax.Array, kernel: jax.Array) -> jax.Array:
        padded = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
        total = 0
        for i in range(size):
            for j in range(size):
                top, left = dilation * i, dilation * j
                part = padded[:, top : top + height : stride, left : left + width : stride]
                total = total + part.astype(exact) * kernel[i, j, 0].astype(exact)
        return total.astype(x.dtype)

    return summed(x, kernel)


def tap_by_tap(
    x: jax.Array, kernel: jax.Array, groups: int, stride: int = 1, dilation: int = 1
) -> jax.Array:
    """A product of all groups for each cell of the kernel.

    On CPUs, where the gradient of `with_groups` takes twenty times as long and more. Arguments: see
    `with_groups`.
    """
    size, _, own, features = kernel.shape
    batch, height, width, channels = x.shape
    if own == stride == 1 and channels == features:
        return row_by_row(x, kernel, dilation)
    pad = dilation * (size // 2)
    x = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    x = x.reshape(*x.shape[:-1], groups, own)
    kernel = kernel.reshape(size, size, own, groups, features // groups)
    total = 0
    for i in range(size):
        for j in range(size):
            top, left = dilation * i, dilation * j
            part = x[:, top : top + height : stride, left : left + width : stride]
            if own == 1:
                total = total + part * kernel[i, j, 0]
            else:
                total = total + jnp.einsum("bhwgi,igo->bhwgo", part, kernel[i, j])
    return total.reshape(batch, *total.shape[1:3], features)


def row_by_row(x: jax.Array, kernel: jax.Array, dilation: int = 1) -> jax.Array:
    """Each channel for itself: sums over the cells of the kernel, of which a row is kept at a time.

    With kernels of 7x7, values and gradient take a quarter of the time of all cells at once, and a
    fifth of the memory.

    Args:
      x: [B, H, W, C].
      kernel: [k, k, 1, C], k odd.
      dilation: see `with_groups`.

    Returns:
      [B, H, W, C].
    """
    size, (_, height, width, _) = len(kernel), x.shape
    pad = dilation * (size // 2)
    padded = jnp.pad(x, ((0, 0), (pad, pad), (pad, pad), (0, 0)))

    kernel = jnp.asarray(kernel)  # a traced number is no index of numpy's arrays

    @jax.checkpoint
    def add_row(total, i):
        rows = jax.lax.dynamic_slice_in_dim(padded, dilation * i, height, axis=1)
        for j in range(size):
            left = dilation * j
            total = total + rows[:, :, left : left + width] * kernel[i, j, 0]
        return total, None

    return jax.lax.scan(add_row, jnp.zeros_like(x), jnp.arange(size))[0]
