"""Multi-scale deformable attention as it is written for each platform, and cell by cell.

    python -m benchmarks.deform_attention [--target tpu-v5e|tpu-v6e|h100] [--frames 1]
        [--height 736] [--width 1280] [--heads 8] [--size 32] [--queries 0] [--dtype bfloat16]

Without `--target`, milliseconds here; with it, what the compiler of that device says
(docs/devices.md): estimated cycles on TPUs, which leave gathers and scatters out, launches on GPUs.
The sizes are those of IDOL's encoder, where every cell is a query, on a frame of 1280x720.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

from benchmarks.devices import beside

STRIDES = (8, 16, 32, 64)
POINTS = 4  # of each head and level


def main() -> None:
    """Prints a line for the value, and one for value and gradients."""
    options = parsed()
    if not beside.start_with(options.target, __spec__.name):
        return
    from benchmarks.token_operations import with_gradient
    from ovis_jax.ops.platforms import traced_for

    shapes = arguments(options)
    found = ways()
    print(f"{'':>16}" + "".join(f"{name:>20}" for name in found), beside.unit(options.target))
    for title in ("value", "with gradients"):
        numbers = []
        for platform, way in found.values():
            step = with_gradient(way, len(shapes)) if title == "with gradients" else way
            with traced_for(platform):
                numbers.append(beside.number(step, shapes, options.target))
        print(f"{title:>16}" + "".join(f"{x:20.1f}" for x in numbers), flush=True)


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default="")
    parser.add_argument("--frames", type=int, default=1)
    parser.add_argument("--height", type=int, default=736)
    parser.add_argument("--width", type=int, default=1280)
    parser.add_argument("--heads", type=int, default=8)
    parser.add_argument("--size", type=int, default=32, help="numbers of a head")
    parser.add_argument("--queries", type=int, default=0, help="of a frame; 0: all cells")
    parser.add_argument("--dtype", default="bfloat16")
    return parser.parse_args()


def arguments(options: argparse.Namespace) -> list:
    """Shapes of the levels, of the points and of the weights."""
    import jax

    sides = [(-(-options.height // s), -(-options.width // s)) for s in STRIDES]
    queries = options.queries or sum(height * width for height, width in sides)
    read = (options.frames, queries, options.heads, len(STRIDES), POINTS)
    own = (options.heads, options.size)
    return [
        *(jax.ShapeDtypeStruct((options.frames, *each, *own), options.dtype) for each in sides),
        jax.ShapeDtypeStruct((*read, 2), "float32"),
        jax.ShapeDtypeStruct(read, "float32"),
    ]


def ways() -> dict[str, tuple[str, Callable]]:
    """The platform it is written for and a function of what `arguments` describes, by name."""
    from ovis_jax.ops.deform_attention import deform_attention

    def own(*arrays):
        return deform_attention(arrays[:-2], *arrays[-2:])

    return {
        "cell by cell": ("cpu", lambda *arrays: cell_by_cell(arrays[:-2], *arrays[-2:])),
        "for CPUs and GPUs": ("cpu", own),
        # A function of its own: what JAX has traced for CPUs is not taken again.
        "for TPUs": ("tpu", lambda *arrays: own(*arrays)),
    }


def cell_by_cell(levels, points, weights):
    """A gather for each of the four cells around a point; gradients are JAX's."""
    import jax
    import jax.numpy as jnp

    def of_head(level, points, weights):
        height, width = level.shape[:2]
        at = points * jnp.array([width, height]) - 0.5
        low = jnp.floor(at)
        total = 0
        for corner in ((0, 0), (1, 0), (0, 1), (1, 1)):
            cell = low + jnp.array(corner)
            share = jnp.prod(1 - jnp.abs(at - cell), axis=-1) * weights
            x, y = cell[..., 0].astype(int), cell[..., 1].astype(int)
            inside = (x >= 0) & (y >= 0)  # others than these are filled with zeros
            read = level.at[y, x].get(mode="fill", fill_value=0)
            share = jnp.where(inside, share, 0).astype(level.dtype)
            total += jnp.einsum("qpe,qp->qe", read, share, preferred_element_type="float32")
        return total

    each = jax.vmap(jax.vmap(of_head, (2, 1, 1), 1))  # image, then head
    parts = [each(x, points[:, :, :, i], weights[:, :, :, i]) for i, x in enumerate(levels)]
    return sum(parts).astype(levels[0].dtype)


if __name__ == "__main__":
    main()
