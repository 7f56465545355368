"""Ways to write the operations in JAX: what `benchmarks.ops` compares, the package's own first."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.inputs.operations import STRIDES, Size
from ovis_jax.ops.boxes import INCLUSIVE
from ovis_jax.ops.correlation import correlation
from ovis_jax.ops.deform_conv import deform_conv
from ovis_jax.ops.roi_align import assign_levels, roi_align

DILATION = 2


def correlations(size: Size) -> dict[str, Callable]:
    """Ways to correlate two levels."""
    count = size.displacements

    def package(query, reference):
        return correlation(query, reference, count, DILATION)

    def windows(reference):
        radius = (count - 1) * DILATION // 2
        padded = jnp.pad(reference, ((0, 0), (radius, radius), (radius, radius), (0, 0)))
        return padded, range(0, count * DILATION, DILATION)

    def whole_rows(query, reference):
        padded, starts = windows(reference)
        columns = np.arange(size.width)[:, None] + np.array(starts)
        columns = np.broadcast_to(columns, (*query.shape[:3], count))
        products = [
            jnp.einsum("bhwc,bhxc->bhwx", query, padded[:, y : y + size.height]) for y in starts
        ]
        diagonals = [jnp.take_along_axis(x, columns, axis=-1) for x in products]
        return jnp.concatenate(diagonals, axis=-1) / size.channels

    def one_by_one(query, reference):
        padded, starts = windows(reference)
        moves = np.array([(0, y, x, 0) for y in starts for x in starts])

        def product(move):
            return (query * jax.lax.dynamic_slice(padded, move, query.shape)).mean(-1)

        return jnp.moveaxis(jax.lax.map(product, jnp.asarray(moves)), 0, -1)

    return {
        "residue classes, skewed (package)": package,
        "whole rows, gathered diagonals": whole_rows,
        "shifted products": one_by_one,
    }


def all_taps_at_once(features, offsets, kernel):
    """One gather of [B, H, W, 9, 4, C] and one product; gradients by JAX."""
    batch, height, width, channels = features.shape
    grid = np.stack(np.meshgrid(np.arange(height), np.arange(width), indexing="ij"), -1)
    taps = np.stack(np.meshgrid([-1, 0, 1], [-1, 0, 1], indexing="ij"), -1).reshape(9, 2)
    points = offsets.reshape(batch, height, width, 9, 2) + (grid[:, :, None] + taps)
    corners = jnp.floor(points)[..., None, :] + np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    weights = jnp.prod(1 - jnp.abs(points[..., None, :] - corners), axis=-1)
    inside = jnp.all((corners >= 0) & (corners < np.array([height, width])), axis=-1)
    y, x = jnp.where(inside, jnp.moveaxis(corners, -1, 0), 0).astype(jnp.int32)
    cells = jax.vmap(lambda f, y, x: f[y, x])(features, y, x)
    samples = jnp.einsum("...j,...jc->...c", weights * inside, cells)
    return jnp.einsum("bhwtc,tcf->bhwf", samples, kernel.reshape(9, channels, -1))


DEFORMABLE_CONVOLUTIONS = {
    "tap by tap (package)": deform_conv,
    "all taps at once": all_taps_at_once,
}


def roi_aligns(size: int) -> dict[str, Callable]:
    """Ways to pool RoIs."""

    def package(pyramid, boxes):
        return roi_align(pyramid, STRIDES, boxes, size, convention=INCLUSIVE)

    def matrices(pyramid, boxes):
        return interpolation_matrices(pyramid, boxes, size)

    def batched(way):
        return lambda *inputs: jax.vmap(way)(inputs[:-1], jax.lax.stop_gradient(inputs[-1]))

    return {
        "fused gathers, scatter (package)": batched(package),
        "interpolation matrices": batched(matrices),
    }


def interpolation_matrices(pyramid, boxes, size: int):
    """Two dense products on every level; zeros for the RoIs of other levels."""
    levels = assign_levels(boxes, len(pyramid), convention=INCLUSIVE)
    total = 0
    for i, (features, stride) in enumerate(zip(pyramid, STRIDES, strict=True)):
        height, width, _ = features.shape
        y = _axis_matrix(boxes[:, 1] / stride, (boxes[:, 3] + 1) / stride, size, height)
        x = _axis_matrix(boxes[:, 0] / stride, (boxes[:, 2] + 1) / stride, size, width)
        rows = jnp.einsum("rsh,hwc->rswc", y * (levels == i)[:, None, None], features)
        total = total + jnp.einsum("rtw,rswc->rstc", x, rows)
    return total


def _axis_matrix(start, end, size: int, length: int):
    """Weights [R, size, length] of the cells in each bin."""
    steps = (np.arange(2 * size) + 0.5) / 2 / size
    position = start[:, None] + steps * (end - start)[:, None]
    inside = (position >= -1) & (position <= length)
    position = jnp.clip(position, 0, length - 1)
    weights = jnp.maximum(0, 1 - jnp.abs(position[..., None] - np.arange(length)))
    weights = weights * inside[..., None]
    return weights.reshape(len(start), size, 2, length).mean(2)
