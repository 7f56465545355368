"""How programs are compiled: kept on disk, and with which precision of their products."""

import hashlib
import os
import pathlib
import platform

import jax

from ovis_jax.formats.errors import InputError

PRECISIONS = ("highest", "high", "default")


def multiply_with(precision: str) -> None:
    """Sets how exactly convolutions and matrix products of float32 are computed, from here on.

    Left alone, accelerators round the factors: to 11 bits on GPUs (TF32), to 8 on TPUs. CPUs
    compute in float32 whatever is set, and products of bfloat16 are the same anyway.

    Args:
      precision: "highest", float32; "high", TF32 on GPUs and three passes of bfloat16 on TPUs;
        "default", the fastest of the device.

    Raises:
      InputError: it is none of these.
    """
    if precision not in PRECISIONS:
        raise InputError(f"config.matmul_precision: expected one of {PRECISIONS}, is {precision!r}")
    jax.config.update("jax_default_matmul_precision", precision)


def keep_compiled_programs() -> None:
    """Lets JAX keep compiled programs in the user's cache folder.

    `JAX_COMPILATION_CACHE_DIR` names another folder, `JAX_ENABLE_COMPILATION_CACHE=false` turns it
    off. Results are those of a fresh compilation, bit for bit. A damaged entry is compiled again.
    """
    if jax.config.jax_compilation_cache_dir is None:
        jax.config.update("jax_compilation_cache_dir", str(cache_folder()))


def cache_folder() -> pathlib.Path:
    """A folder for this kind of processor: home folders are shared by machines that differ."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "ovis_jax" / f"compiled-{_processor()}"


def _processor() -> str:
    """Short name that differs between processors with different instructions."""
    facts = [platform.machine(), platform.processor()]
    cpuinfo = pathlib.Path("/proc/cpuinfo")
    if cpuinfo.exists():
        lines = cpuinfo.read_text().splitlines()
        facts += sorted({x for x in lines if x.startswith(("model name", "flags", "Features"))})
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:12]
