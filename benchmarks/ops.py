"""Times correlation, deformable convolution and RoIAlign against other ways to write them.

Run as `python -m benchmarks.ops [--size quickstart|full] [--seconds 1]` in the repository's root.
Every alternative is first compared with the package's own version, output and gradient. Columns
are the best time of the forward pass, of the forward pass with all gradients, and what the latter
needs in memory beside its arguments and results.
"""

import argparse
import dataclasses
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.host_memory import keep_freed_memory
from ovis_jax.ops.correlation import correlation
from ovis_jax.ops.deform_conv import deform_conv
from ovis_jax.ops.roi_align import assign_levels, roi_align

STRIDES = (4, 8, 16, 32)
DILATION = 2


@dataclasses.dataclass(frozen=True)
class Size:
    """Shapes of one set-up; maps are those of the finest level."""

    batch: int
    height: int
    width: int
    channels: int
    displacements: int
    box_rois: int
    mask_rois: int


SIZES = {
    "quickstart": Size(4, 24, 40, 64, 8, 128, 32),
    "full": Size(1, 96, 160, 256, 16, 512, 128),
}


def main() -> None:
    """Prints one table for every operation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="quickstart")
    parser.add_argument("--seconds", type=float, default=1.0, help="spent on each number")
    arguments = parser.parse_args()
    keep_freed_memory()
    size = SIZES[arguments.size]
    print(f"{arguments.size}: {size} on {jax.devices()[0].device_kind}")
    for title, inputs, ways in (
        ("correlation", maps(size), correlations(size)),
        ("deformable convolution", convolution_inputs(size), DEFORMABLE_CONVOLUTIONS),
        ("RoIAlign 7x7", roi_inputs(size, size.box_rois), roi_aligns(7)),
        ("RoIAlign 14x14", roi_inputs(size, size.mask_rois), roi_aligns(14)),
    ):
        print_table(title, inputs, ways, arguments.seconds)


def print_table(title: str, inputs: tuple, ways: dict[str, Callable], seconds: float) -> None:
    """One row for every way; the first is the package's own."""
    print(f"\n{title:<34}{'forward':>12}{'with gradient':>16}{'memory':>12}")
    wanted = None
    for name, way in ways.items():
        forward = jax.jit(way)
        out = forward(*inputs)
        both = jax.jit(with_gradients(way, out)).lower(*inputs).compile()
        results = jax.block_until_ready(both(*inputs))
        wanted = results if wanted is None else wanted
        jax.tree.map(check_equal, results, wanted)
        times = [1e3 * best_time(f, inputs, seconds) for f in (forward, both)]
        memory = both.memory_analysis().temp_size_in_bytes / 2**20
        print(f"{name:<34}{times[0]:>9.2f} ms{times[1]:>13.2f} ms{memory:>8.0f} MiB", flush=True)


def with_gradients(way: Callable, out: jax.Array) -> Callable:
    """The output and the gradients of all inputs, for a fixed random cotangent."""
    cotangent = jax.random.normal(jax.random.key(1), out.shape)

    def both(*inputs):
        value, pullback = jax.vjp(way, *inputs)
        return value, pullback(cotangent)

    return both


def best_time(function: Callable, inputs: tuple, seconds: float) -> float:
    """Shortest of the calls that fit into the time, at least three; in seconds."""
    times = []
    end = time.perf_counter() + seconds
    while len(times) < 3 or time.perf_counter() < end:
        start = time.perf_counter()
        jax.block_until_ready(function(*inputs))
        times.append(time.perf_counter() - start)
    return min(times)


def check_equal(ours: jax.Array, wanted: jax.Array) -> None:
    """Raises AssertionError unless equal up to float32 (tensor cores: TF32) rounding."""
    tolerance = 1e-4 if jax.default_backend() == "cpu" else 2e-2
    np.testing.assert_allclose(ours, wanted, atol=tolerance * (np.abs(wanted).max() + 1e-9))


def maps(size: Size) -> tuple[jax.Array, jax.Array]:
    """A query and a reference level."""
    shape = (2, size.batch, size.height, size.width, size.channels)
    return tuple(jax.random.normal(jax.random.key(0), shape))


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


def convolution_inputs(size: Size) -> tuple[jax.Array, ...]:
    """A level, offsets of about two cells, a 3x3 kernel."""
    keys = jax.random.split(jax.random.key(0), 3)
    shape = (size.batch, size.height, size.width)
    kernel = jax.random.normal(keys[2], (3, 3, size.channels, size.channels))
    return (
        jax.random.normal(keys[0], (*shape, size.channels)),
        2 * jax.random.normal(keys[1], (*shape, 18)),
        kernel / (3 * size.channels**0.5),
    )


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


def roi_inputs(size: Size, count: int) -> tuple[jax.Array, ...]:
    """Four levels; the RoIs are fixed, as they have no gradient."""
    levels = [
        (size.batch, size.height >> i, size.width >> i, size.channels) for i in range(len(STRIDES))
    ]
    return (
        *(jax.random.normal(jax.random.key(i), x) for i, x in enumerate(levels)),
        rois(size, count),
    )


def rois(size: Size, count: int) -> jax.Array:
    """RoIs [B, R, 4] of 8 pixels to the width of the frame, evenly in the logarithm."""
    image = np.array([size.width, size.height]) * STRIDES[0]
    random = np.random.default_rng(0)
    centers = random.uniform(size=(size.batch, count, 2)) * image
    sides = np.exp(random.uniform(np.log(8), np.log(image[0]), (size.batch, count, 2)))
    corners = np.concatenate([centers - sides / 2, centers + sides / 2], axis=-1)
    return jnp.asarray(np.clip(corners, 0, np.tile(image - 1, 2)), jnp.float32)


def roi_aligns(size: int) -> dict[str, Callable]:
    """Ways to pool RoIs."""

    def package(pyramid, boxes):
        return roi_align(pyramid, STRIDES, boxes, size, inclusive=True)

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
    levels = assign_levels(boxes, len(pyramid), inclusive=True)
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


if __name__ == "__main__":
    main()
