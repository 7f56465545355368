"""A number for each of several programs of one thing: measured here, or said by a compiler."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence

REPEATS = 3
_COMPILER = "OVIS_JAX_COMPILER"  # the target, in the environment of its compiler


def start_with(target: str, module: str) -> bool:
    """Whether this process can go on; if it lacks the target's compiler, another one did it all.

    Args:
      target: see `TARGETS`; empty for this machine.
      module: whose command line it is.
    """
    if not target:
        return True
    if os.environ.get(_COMPILER) == target:
        from benchmarks.devices.compile import SETTINGS

        os.environ.update(SETTINGS)
        return True
    from benchmarks.devices.environment import ROOT, compiler_python
    from benchmarks.devices.targets import TARGETS

    python = compiler_python(TARGETS[target].platform)
    own = os.environ | {_COMPILER: target, "PYTHONPATH": str(ROOT)}
    subprocess.run([str(python), "-m", module, *sys.argv[1:]], check=True, env=own)
    return False


def unit(target: str) -> str:
    """Of `number`."""
    return "of the compiler" if target else "milliseconds"


def number(step: Callable, shapes: Sequence, target: str) -> float:
    """Estimated cycles on TPUs, launches on GPUs; without a target, milliseconds here.

    Args:
      step: of arrays of these shapes.
      shapes: `jax.ShapeDtypeStruct`s.
      target: see `start_with`.
    """
    return _compiled(step, shapes, target) if target else _measured(step, shapes)


def _measured(step: Callable, shapes: Sequence) -> float:
    """The best of some runs; on CPUs of all cores together, which a busy machine changes little."""
    import jax
    import jax.numpy as jnp

    arrays = [jnp.ones(shape.shape, shape.dtype) for shape in shapes]
    run = jax.jit(step)
    jax.block_until_ready(run(*arrays))
    clock = time.process_time if jax.default_backend() == "cpu" else time.perf_counter
    times = []
    for _ in range(REPEATS):
        start = clock()
        jax.block_until_ready(run(*arrays))
        times.append(clock() - start)
    return 1000 * min(times)


def _compiled(step: Callable, shapes: Sequence, target: str) -> float:
    import jax
    from jax.sharding import SingleDeviceSharding

    from benchmarks.devices import hlo, reports
    from benchmarks.devices.compile import topology_devices
    from benchmarks.devices.request import Request
    from benchmarks.devices.targets import TARGETS

    request = Request(target, 1, "encode", "", "bfloat16", "default", 1, None, 1)
    placed = SingleDeviceSharding(topology_devices(request)[0])
    text = jax.jit(step, in_shardings=placed).lower(*shapes).compile().as_text()
    found = reports.report(hlo.parse(text), TARGETS[target])
    return found["cycles"] if "cycles" in found else found["launches"]
