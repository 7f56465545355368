"""Which way of computing an operation is taken: the one place that chooses, by device and shape.

CPUs and GPUs read single cells fast. On TPUs products of bfloat16 with matrices of bilinear weights
take about half of the cycles of gathers and scatters, and a loop is a small program where unrolled
displacements are a large one. On GPUs every kernel costs a launch, so few large ones are better
than many that need less memory.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp

from ovis_jax.ops import (
    attention_rows,
    correlation_loop,
    correlation_rows,
    correlation_tiles,
    doubling_conv,
    grouped_conv,
    looped_conv,
    roi_pool,
)
from ovis_jax.ops import corner_sums as corners
from ovis_jax.ops import deform_conv_gather as gather
from ovis_jax.ops import deform_conv_windows as windows
from ovis_jax.ops import max_pool as pool
from ovis_jax.ops import transposed_conv as transposed
from ovis_jax.ops.platforms import platform

_CUDNN_HEAD = 128  # numbers, at most
_CUDNN_CAPABILITY = 8.0
_FEW_CELLS = 64  # a map with fewer has no use for windows


def deform_conv(features: jax.Array) -> Callable:
    """Of (features, points, kernel); see `deform_conv_gather`.

    A product of float32 on a TPU is several of bfloat16, so there gathers stay.
    """
    cells = features.shape[-3] * features.shape[-2]
    if platform() == "gpu":
        return gather.all_taps_at_once
    if platform() == "tpu" and features.dtype == jnp.bfloat16 and cells > _FEW_CELLS:
        return windows.in_windows
    return gather.tap_by_tap


def roi_gradient(dtype: jnp.dtype) -> roi_pool.Gradient:
    """Of `roi_pool.pool`.

    A TPU sorts what it scatters, hundreds of thousands of rows; products of float32 are dear there.
    """
    products = platform() == "tpu" and dtype == jnp.bfloat16
    return roi_pool.by_products if products else roi_pool.by_scatter


def correlation() -> Callable:
    """Of (query, reference, displacements, dilation); see `correlation_rows`."""
    ways = {"cpu": correlation_rows, "gpu": correlation_tiles, "tpu": correlation_loop}
    return ways[platform()].position_products


def grouped_convolution() -> Callable:
    """Of (x, kernel, groups, stride, dilation); see `grouped_conv`."""
    ways = {
        "cpu": grouped_conv.tap_by_tap,
        "gpu": grouped_conv.with_groups,
        "tpu": grouped_conv.in_blocks,
    }
    return ways[platform()]


def looped_convolution() -> Callable | None:
    """For `flax.linen.Conv(conv_general_dilated=...)` inside of a loop that is differentiated."""
    return looped_conv.conv_general_dilated if platform() == "cpu" else None


def transposed_convolution() -> Callable:
    """Of (x, kernel); see `transposed_conv`."""
    return transposed.by_phases if platform() == "cpu" else transposed.as_dilated


def doubling_convolution(x: jax.Array) -> Callable:
    """Of (x, kernel), x [..., H, W, C]; see `doubling_conv`."""
    *batch, _, width, _ = x.shape
    few = platform() == "tpu" and math.prod(batch) < width  # many small maps lie side by side
    return doubling_conv.by_output_rows if few else doubling_conv.at_once


def max_pool() -> Callable:
    """Of (x, size, stride, pad); see `max_pool`."""
    return pool.by_comparison if platform() == "cpu" else pool.by_selection


def attention(query: jax.Array) -> Callable:
    """Of (query, key, value), each [B, N, heads, E]; see `attention_rows`."""
    if platform() == "tpu" and query.shape[1] > attention_rows.QUERIES:
        return attention_rows.by_rows
    fused = "cudnn" if _cudnn_attends(query.dtype, query.shape[-1]) else None
    return functools.partial(jax.nn.dot_product_attention, implementation=fused)


def _cudnn_attends(dtype: jnp.dtype, size: int) -> bool:
    """Whether cuDNN has a fused kernel for heads of so many numbers.

    It knows half floats only, and asks a GPU of compute capability 8 for them while it is traced:
    without such a GPU at hand the general program is written.
    """
    if dtype not in (jnp.bfloat16, jnp.float16) or size % 8 or size > _CUDNN_HEAD:
        return False
    if platform() != "gpu" or jax.default_backend() != "gpu":
        return False
    return float(jax.local_devices()[0].compute_capability) >= _CUDNN_CAPABILITY


def corner_sums() -> corners.CornerSums:
    """Of `deform_attention`."""
    return corners.as_products if platform() == "tpu" else corners.as_arrays


def one_canvas() -> bool:
    """Whether layers that all levels of a pyramid share run once, on a map of all levels.

    That is fewer kernels. On TPUs, where these cost nothing, one level after the other takes two
    thirds of the cycles, as no convolution reads what lies between levels.
    """
    return platform() == "gpu"


def levels_at_once() -> bool:
    """Whether the proposals of all levels are sorted and suppressed together."""
    return platform() != "cpu"


def as_computed(levels: Sequence[jax.Array], dtype: str) -> tuple[jax.Array, ...]:
    """Levels in the type that what is read from them is rounded to anyway.

    On accelerators, where half the bytes are half the time; on CPUs they stay as they are.
    """
    return tuple(levels) if platform() == "cpu" else tuple(x.astype(dtype) for x in levels)


def few_kernels() -> bool:
    """Whether many small sums are joined into one: each would be a launch."""
    return platform() == "gpu"
