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
import os
import subprocess
import sys
import time

STAGES = ((128, 32), (256, 32), (512, 32), (1024, 32), (256, 64), (2048, 64))
"""(channels, groups) of the stages; those of 64x4d are its first and last."""
REPEATS = 3


def main() -> None:
    """Prints a line for each stage."""
    options = parsed()
    if options.target and os.environ.get("OVIS_JAX_COMPILER") != options.target:
        from benchmarks.devices.environment import ROOT, compiler_python
        from benchmarks.devices.targets import TARGETS

        python = compiler_python(TARGETS[options.target].platform)
        own = os.environ | {"OVIS_JAX_COMPILER": options.target, "PYTHONPATH": str(ROOT)}
        subprocess.run([str(python), "-m", __spec__.name, *sys.argv[1:]], check=True, env=own)
        return
    if options.target:
        from benchmarks.devices.compile import SETTINGS

        os.environ.update(SETTINGS)
    ways = _ways()
    unit = "of the compiler" if options.target else "milliseconds"
    print(f"{'stage':>20} " + " ".join(f"{name:>12}" for name in ways) + f"   {unit}")
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

    if options.target:
        return _compiled_number(step, (x, kernel), options.target)
    arrays = [jnp.ones(shape.shape, kind) for shape in (x, kernel)]
    run = jax.jit(step)
    jax.block_until_ready(run(*arrays))
    clock = time.process_time if jax.default_backend() == "cpu" else time.perf_counter
    times = []
    for _ in range(REPEATS):
        start = clock()
        jax.block_until_ready(run(*arrays))
        times.append(clock() - start)
    return 1000 * min(times)


def _compiled_number(step, shapes, target: str) -> float:
    """Cycles, or launches, of a program for a described device."""
    import jax
    from jax.sharding import SingleDeviceSharding

    from benchmarks.devices import hlo, reports
    from benchmarks.devices.compile import topology_devices
    from benchmarks.devices.request import Request
    from benchmarks.devices.targets import TARGETS

    request = Request(target, 1, "encode", "", "bfloat16", "default", 1, None, 1)
    device = topology_devices(request)[0]
    placed = SingleDeviceSharding(device)
    text = jax.jit(step, in_shardings=placed).lower(*shapes).compile().as_text()
    found = reports.report(hlo.parse(text), TARGETS[target])
    return found["cycles"] if "cycles" in found else found["launches"]


if __name__ == "__main__":
    main()
