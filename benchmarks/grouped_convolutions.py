"""Ways to compute the grouped 3x3 convolutions of ResNeXt, forward and backward.

    python -m benchmarks.grouped_convolutions [--target tpu-v5e|h100] [--height 96] [--width 160]

Without `--target`, milliseconds here, the best of some runs (on CPUs of all cores together, which a
busy machine does not change much); with it, what the compiler of that
device says (docs/devices.md): estimated cycles on TPUs, launches on GPUs. `groups`: a convolution
with as many groups as the network has. `dense`: one of a block-diagonal kernel, with many more
products. `blocks`: as few groups of at least 128 channels, each with a block-diagonal kernel.
`taps`: nine products of shifted maps, a batch of groups each.
"""

from __future__ import annotations

import argparse

from benchmarks.devices import beside

STAGES = ((128, 32), (256, 32), (512, 32), (1024, 32), (256, 64), (2048, 64))
"""(channels, groups) of the stages; those of 64x4d are its first and last."""


def main() -> None:
    """Prints a line for each stage."""
    options = parsed()
    if not beside.start_with(options.target, __spec__.name):
        return
    ways = _ways()
    print(
        f"{'stage':>20} "
        + " ".join(f"{name:>12}" for name in ways)
        + f"   {beside.unit(options.target)}"
    )
    for i in options.stages:
        channels, groups = STAGES[i]
        shrink = 2 ** min(i, 3) if groups == 32 else (1 if channels == 256 else 8)
        sides = options.height // shrink, options.width // shrink
        found = [_number(way, sides, channels, groups, options) for way in ways.values()]
        name = f"{sides[0]}x{sides[1]} {channels}/{groups}"
        print(f"{name:>20} " + " ".join(f"{x:12.1f}" for x in found), flush=True)


def parsed() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", default="")
    parser.add_argument("--height", type=int, default=96, help="of the first stage's map")
    parser.add_argument("--width", type=int, default=160)
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--stages", type=int, nargs="+", default=range(len(STAGES)), help="which")
    return parser.parse_args()


def dense(x, kernel, groups: int):
    """One group, with a kernel that is zero outside of blocks."""
    import jax.numpy as jnp

    from ovis_jax.ops.grouped_conv import with_groups

    own = kernel.shape[2]
    blocks = jnp.repeat(jnp.eye(groups, dtype=kernel.dtype), own, 0)  # [inputs, groups]
    mask = jnp.repeat(blocks, kernel.shape[-1] // groups, 1)
    return with_groups(x, jnp.tile(kernel, (1, 1, groups, 1)) * mask, 1)


def _ways() -> dict:
    from ovis_jax.ops import grouped_conv

    return {
        "groups": grouped_conv.with_groups,
        "blocks": grouped_conv.in_blocks,
        "dense": dense,
        "taps": grouped_conv.tap_by_tap,
    }


def _number(way, sides, channels: int, groups: int, options) -> float:
    import jax
    import jax.numpy as jnp

    kind = jnp.dtype(options.dtype)
    x = jax.ShapeDtypeStruct((2, *sides, channels), kind)
    kernel = jax.ShapeDtypeStruct((3, 3, channels // groups, channels), kind)

    def step(x, kernel):
        def loss(x, kernel):
            y = way(x, kernel, groups)
            return jnp.sum(jnp.square(y.astype(jnp.float32)))

        return jax.grad(loss, (0, 1))(x, kernel)

    return beside.number(step, (x, kernel), options.target)


if __name__ == "__main__":
    main()
