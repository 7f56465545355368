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
import numpy as np

from benchmarks.alternatives.jax_ops import DEFORMABLE_CONVOLUTIONS, correlations, roi_aligns
from benchmarks.alternatives.torch_process import in_own_process
from benchmarks.inputs.operations import (
    SIZES,
    Size,
    convolution_inputs,
    convolution_work,
    correlation_work,
    maps,
    roi_inputs,
    roi_work,
)
from benchmarks.roofline import Device, Work, best_time, measure_device
from ovis_jax.program.compilation import PRECISIONS
from ovis_jax.program.start import start


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
    start(options.matmul_precision)
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


if __name__ == "__main__":
    main()
