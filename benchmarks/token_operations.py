"""What VidEoMT computes with, as TPUs get it, beside the general programs of the same numbers.

    python -m benchmarks.token_operations [--target tpu-v5e|tpu-v6e|h100] [--frames 1] [--rows 34]
        [--columns 62] [--width 1024] [--dtype bfloat16] [--gradient]

Without `--target`, milliseconds here; with it, what the compiler of that device says
(docs/devices.md): estimated cycles on TPUs, launches on GPUs. The sizes are those of ViT-L on a
frame of 1280x720.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks.devices import beside

FIRST = 5  # tokens before the patches
HEAD = 64  # numbers of a head


def main() -> None:
    """Prints a line for each operation."""
    options = parsed()
    if not beside.start_with(options.target, __spec__.name):
        return
    print(f"{'':>20} {'general':>12} {'as TPUs':>12}   {beside.unit(options.target)}")
    for name, (shapes, general, ours) in operations(options).items():
        ways = [general, ours]
        if options.gradient:
            ways = [with_gradient(way, len(shapes)) for way in ways]
        found = [beside.number(way, shapes, options.target) for way in ways]
        print(f"{name:>20} " + " ".join(f"{x:12.1f}" for x in found), flush=True)


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default="")
    parser.add_argument("--frames", type=int, default=1)
    parser.add_argument("--rows", type=int, default=34, help="of patches")
    parser.add_argument("--columns", type=int, default=62)
    parser.add_argument("--width", type=int, default=1024, help="of a token")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--gradient", action="store_true", help="gradients of a loss, too")
    return parser.parse_args()


def operations(options: argparse.Namespace) -> dict[str, tuple[list, Callable, Callable]]:
    """Shapes of the arguments, the general program and ours, by name."""
    import jax

    from ovis_jax.ops import attention_rows, doubling_conv, grouped_conv
    from ovis_jax.ops.gelu import gelu

    frames, rows, columns, width = options.frames, options.rows, options.columns, options.width
    tokens = FIRST + rows * columns

    def shape(*sides: int) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct(sides, options.dtype)

    def each_channel(way: Callable) -> Callable:
        return lambda x, kernel: way(x, kernel, width)

    def after_product(activation: Callable) -> Callable:
        return lambda x, kernel: activation(x @ kernel)

    return {
        "attention": (
            3 * [shape(frames, tokens, width // HEAD, HEAD)],
            jax.nn.dot_product_attention,
            attention_rows.by_rows,
        ),
        "product, GELU": (
            [shape(frames, tokens, width), shape(width, 4 * width)],
            after_product(lambda x: jax.nn.gelu(x, approximate=False)),
            after_product(gelu),
        ),
        "doubling": (
            [shape(frames, 2 * rows, 2 * columns, width), shape(2, 2, width, width)],
            doubling_conv.at_once,
            doubling_conv.by_output_rows,
        ),
        "channels, 3x3": (
            [shape(frames, 4 * rows, 4 * columns, width), shape(3, 3, 1, width)],
            each_channel(grouped_conv.with_groups),
            each_channel(grouped_conv.in_blocks),
        ),
    }


def with_gradient(function: Callable, number: int) -> Callable:
    """Gradients of the sum of squares, in all of `number` arguments."""
    import jax
    import jax.numpy as jnp

    def loss(*arrays):
        return jnp.sum(jnp.square(function(*arrays).astype(jnp.float32)))

    return jax.grad(loss, tuple(range(number)))


if __name__ == "__main__":
    main()
