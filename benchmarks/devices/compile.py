"""Compiles one program with the compiler of its target; runs in that compiler's environment.

    .venv-tpu/bin/python -m benchmarks.devices.compile REQUEST FOLDER

Writes FOLDER/program.txt, the scheduled program, and FOLDER/facts.json.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import pathlib
import sys
import time

from benchmarks.devices.request import Request
from benchmarks.devices.targets import H100, TARGETS

# What the compilers need to know before JAX starts: there is no accelerator to ask.
SETTINGS = {
    "JAX_PLATFORMS": "cpu",
    "TPU_SKIP_MDS_QUERY": "1",
    "ALLOW_MULTIPLE_LIBTPU_LOAD": "1",
    "XLA_FLAGS": "--xla_gpu_autotune_level=0",
    "JAX_ENABLE_COMPILATION_CACHE": "false",
}
CUBLAS = " --xla_gpu_enable_triton_gemm=false"


def main() -> None:
    """Compiles what the command line says."""
    request, folder = Request.read(sys.argv[1]), pathlib.Path(sys.argv[2])
    os.environ.update(SETTINGS)
    os.environ["XLA_FLAGS"] += CUBLAS if request.cublas else ""
    import jax

    from benchmarks.devices.programs import lowered, step_memory
    from ovis_jax.program.compilation import multiply_with

    multiply_with(request.matmul_precision)
    start = time.perf_counter()
    program = lowered(request, topology_devices(request))
    traced = time.perf_counter()
    compiled = program.compile()
    facts = {
        "tracing_seconds": traced - start,
        "compile_seconds": time.perf_counter() - traced,
        "versions": versions(),
        "memory": memory(compiled.memory_analysis()),
        "cost": cost(compiled),
    }
    formula = step_memory(request)
    if formula is not None:
        facts["formula"] = {"total": formula.total, "text": str(formula)}
    (folder / "program.txt").write_text(compiled.as_text())
    (folder / "facts.json").write_text(json.dumps(facts))
    del jax


def topology_devices(request: Request) -> list:
    """The described devices that the program is for."""
    from jax.experimental import topologies

    target = TARGETS[request.target]
    name, _ = target.topology(request.chips)
    options = {"topology_name": name}
    if target.platform == "cuda":
        options = {"topology_name": "x", "topology": name}
        options["target_config"] = H100.read_text()
    described = topologies.get_topology_desc(platform=target.platform, **options)
    return list(described.devices)[: request.chips]


def versions() -> dict[str, str]:
    """Of what compiles."""
    installed = {x.metadata["Name"].lower(): x.version for x in importlib.metadata.distributions()}
    names = ("jax", "jaxlib", "libtpu", "jax-cuda12-plugin", "nvidia-cudnn-cu12")
    return {name: installed[name] for name in names if name in installed}


def memory(found) -> dict[str, int]:
    """Bytes a device, by use."""
    names = ("argument", "output", "alias", "temp", "generated_code")
    return {name: getattr(found, f"{name}_size_in_bytes") for name in names}


def cost(compiled) -> dict[str, float]:
    """Operations and bytes by the compiler's count, loop bodies once; empty where it says none."""
    found = compiled.cost_analysis() or {}
    wanted = {"operations": "flops", "bytes": "bytes accessed"}
    return {ours: found[theirs] for ours, theirs in wanted.items() if theirs in found}


if __name__ == "__main__":
    main()
