"""Compiled programs are kept on disk, so that only the first run of a set-up compiles."""

import hashlib
import os
import pathlib
import platform

import jax


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
