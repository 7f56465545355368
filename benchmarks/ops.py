"""Times correlation, deformable convolution and RoIAlign against other ways to write them.

    python -m benchmarks.ops [--size quickstart|full] [--seconds 1] [--matmul-precision highest]

Every alternative is first compared with the package's own version, output and gradient; PyTorch, if
it is installed, is one of them for the first two. Columns are the best time of the forward pass, of
the forward pass with all gradients, and what the latter needs in memory beside its arguments and
results. Above them stands the floor: the operations and bytes that no way can avoid, and the time
of the larger of both at the speeds that a matrix product and a copy reach on the same device.
"""

import argparse
import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.alternatives.torch_process import in_own_process
from benchmarks.roofline import Device, Work, best_time, measure_device
from ovis_jax.ops.correlation import correlation
from ovis_jax.ops.deform_conv import deform_conv
from ovis_jax.ops.roi_align import assign_levels, roi_align
from ovis_jax.program.compilation import PRECISIONS, multiply_with
from ovis_jax.program.host_memory import keep_freed_memory

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


@dataclasses.dataclass(frozen=True)
class Operation:
    """What is timed.

    Attributes:
      title: of its table.
      inputs: its arguments.
      ways: to write it, by name; the first is the package's own.
      forward: the least work of the forward pass.
      both: of the forward pass with all gradients.
      torch: name of a function of `benchmarks.alternatives.torch_ops`, or None.
    """

    title: str
    inputs: tuple
    ways: dict[str, Callable]
    forward: Work
    both: Work
    torch: str | None = None


def main() -> None:
    """Prints one table for every operation."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", choices=SIZES, default="quickstart")
    parser.add_argument("--seconds", type=float, default=1.0, help="spent on each number")
    parser.add_argument("--matmul-precision", choices=PRECISIONS, default="highest")
    parser.add_argument("--skip-torch", action="store_true")
    options = parser.parse_args()
    keep_freed_memory()
    multiply_with(options.matmul_precision)
    size, device = SIZES[options.size], measure_device()
    print(f"{options.size}: {size} on {jax.devices()[0].device_kind}, {device}")
    for operation in operations(size):
        print_table(operation, device, options)


def operations(size: Size) -> list[Operation]:
    """All of one size."""
    return [
        Operation(
            "correlation",
            maps(size),
            correlations(size),
            *correlation_work(size),
            torch="time_correlation" if size.displacements == 16 else None,
        ),
        Operation(
            "deformable convolution",
            convolution_inputs(size),
            DEFORMABLE_CONVOLUTIONS,
            *convolution_work(size),
            torch="time_deform_conv",
        ),
        Operation(
            "RoIAlign 7x7",
            roi_inputs(size, size.box_rois),
            roi_aligns(7),
            *roi_work(size, size.box_rois, 7),
        ),
        Operation(
            "RoIAlign 14x14",
            roi_inputs(size, size.mask_rois),
            roi_aligns(14),
            *roi_work(size, size.mask_rois, 14),
        ),
    ]


def print_table(operation: Operation, device: Device, options: argparse.Namespace) -> None:
    """The floor and one row for every way."""
    inputs, wanted = operation.inputs, None
    print(f"\n{operation.title:<34}{'forward':>12}{'with gradient':>16}{'memory':>12}")
    floors = [device.floor(work) for work in (operation.forward, operation.both)]
    work = operation.forward
    name = f"floor ({work.operations / 1e9:.2f} GFLOP, {work.bytes / 1e6:.0f} MB forward)"
    print_row(name, floors)
    for name, way in operation.ways.items():
        forward = jax.jit(way)
        out = forward(*inputs)
        cotangent = jax.random.normal(jax.random.key(1), out.shape)
        both = jax.jit(with_gradients(way, cotangent)).lower(*inputs).compile()
        results = jax.block_until_ready(both(*inputs))
        wanted = results if wanted is None else wanted
        jax.tree.map(check_equal, results, wanted)
        times = [best_time(f, inputs, options.seconds) for f in (forward, both)]
        print_row(name, times, both.memory_analysis().temp_size_in_bytes)
    if operation.torch and not options.skip_torch:
        arguments = operation.torch, *map(np.asarray, (*inputs, cotangent))
        found = in_own_process(time_torch, options.seconds, options.matmul_precision, *arguments)
        if found:
            name, times, results = found
            jax.tree.map(check_equal, results, [wanted[0], *wanted[1]])
            print_row(name, times)


def print_row(name: str, seconds: tuple[float, float], memory: int | None = None) -> None:
    """Times, and memory where it is known."""
    forward, both = (1e3 * x for x in seconds)
    used = "" if memory is None else f"{memory / 2**20:>8.0f} MiB"
    print(f"{name:<40}{forward:>9.2f} ms{both:>13.2f} ms{used}", flush=True)


def time_torch(seconds: float, precision: str, name: str, *arrays: np.ndarray):
    """A function of `benchmarks.alternatives.torch_ops`."""
    from benchmarks.alternatives import torch_ops

    return getattr(torch_ops, name)(*arrays, seconds=seconds, precision=precision)


def with_gradients(way: Callable, cotangent: jax.Array) -> Callable:
    """The output and the gradients of all inputs, for a fixed cotangent."""

    def both(*inputs):
        value, pullback = jax.vjp(way, *inputs)
        return value, pullback(cotangent)

    return both


def check_equal(ours: jax.Array, wanted: jax.Array) -> None:
    """Raises AssertionError unless equal up to float32 (tensor cores: TF32) rounding."""
    tolerance = 1e-4 if jax.default_backend() == "cpu" else 2e-2
    np.testing.assert_allclose(ours, wanted, atol=tolerance * (np.abs(wanted).max() + 1e-9))


def maps(size: Size) -> tuple[jax.Array, jax.Array]:
    """A query and a reference level."""
    shape = (2, size.batch, size.height, size.width, size.channels)
    return tuple(jax.random.normal(jax.random.key(0), shape))


def least_work(inputs: float, outputs: float, operations: float) -> tuple[Work, Work]:
    """Work of a function of so many float32 numbers, forward and with all gradients.

    With gradients every argument is read and gets a gradient, the result is written and its
    cotangent read; each of two factors' gradients takes the operations of the forward pass again.
    """
    return (
        Work(operations, 4 * (inputs + outputs)),
        Work(3 * operations, 4 * (2 * inputs + 2 * outputs)),
    )


def correlation_work(size: Size) -> tuple[Work, Work]:
    """A multiplication and an addition for each position, displacement and channel."""
    cells, values = size.batch * size.height * size.width, size.displacements**2
    map_numbers = cells * size.channels
    return least_work(2 * map_numbers, cells * values, 2 * map_numbers * values)


def convolution_work(size: Size) -> tuple[Work, Work]:
    """Nine samples of four cells for each position, and the product with the kernel."""
    cells = size.batch * size.height * size.width
    numbers, kernel = cells * size.channels, 9 * size.channels**2
    operations = 2 * cells * kernel + 8 * 9 * numbers
    return least_work(numbers + 18 * cells + kernel, numbers, operations)


def roi_work(size: Size, rois: int, side: int) -> tuple[Work, Work]:
    """Four samples of four cells for each bin; RoIs have no gradient, so only two passes."""
    levels = sum(size.height * size.width >> 2 * i for i in range(len(STRIDES)))
    bins = size.batch * rois * side**2 * size.channels
    forward, _ = least_work(size.batch * levels * size.channels, bins, 2 * 16 * bins)
    return forward, Work(2 * forward.operations, 2 * forward.bytes)


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
