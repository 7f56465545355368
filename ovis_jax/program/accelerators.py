"""Says so when a machine has a GPU or a TPU and JAX computes on its CPU all the same.

That happens where jaxlib and its plugin do not fit each other, often after an installation that
moved only one of them, and shows in nothing but the time that training takes.
"""

from __future__ import annotations

import importlib.metadata
import os
import pathlib
import re
from collections.abc import Callable, Mapping

import jax
from absl import logging

_TPU_VARIABLES = ("TPU_ACCELERATOR_TYPE", "TPU_NAME", "TPU_WORKER_ID", "TPU_CHIPS_PER_HOST_BOUNDS")


def warn_of_unused_accelerators() -> None:
    """Logs one warning if this machine has an accelerator that JAX does not use.

    Not if the platform was chosen (`JAX_PLATFORMS`). Asks for the devices, so that a process of a
    cluster must have joined it.
    """
    if jax.config.jax_platforms or jax.default_backend() != "cpu":
        return
    reason = unused_accelerator(pathlib.Path("/"), os.environ, installed_version)
    if reason:
        logging.warning("%s", reason)


def unused_accelerator(
    root: pathlib.Path,
    environment: Mapping[str, str],
    version: Callable[[str], str | None],
) -> str | None:
    """What the machine has while JAX computes on its CPU, the likely cause, and what to do.

    Args:
      root: of the file system.
      environment: its variables.
      version: of an installed package by name; None if it is not installed.

    Returns:
      One line; None if there is no accelerator, or the GPUs are hidden (`CUDA_VISIBLE_DEVICES`).
    """
    if has_nvidia_gpu(root) and environment.get("CUDA_VISIBLE_DEVICES", "all") not in ("", "-1"):
        device, cause, extra = "NVIDIA GPU", *_cuda_cause(version)
    elif has_tpu(root, environment):
        device, cause, extra = "TPU", *_tpu_cause(version)
    else:
        return None
    return (
        f"this machine has a{'n' * (device[0] == 'N')} {device}, but JAX computes on the CPU: "
        f'{cause}; to install what fits: pip install -U "jax[{extra}]=={version("jax")}" '
        "(to compute on the CPU without this message: JAX_PLATFORMS=cpu)"
    )


def has_nvidia_gpu(root: pathlib.Path) -> bool:
    """Whether a driver offers a GPU: device files, or those of Windows' subsystem for Linux."""
    wsl = (root / "dev/dxg").exists() and any((root / "usr/lib/wsl/lib").glob("libcuda.so*"))
    return wsl or _has_numbered(root / "dev", "nvidia")


def has_tpu(root: pathlib.Path, environment: Mapping[str, str]) -> bool:
    """Whether there are TPU chips; under vfio other devices may be, too, but not with variables."""
    if _has_numbered(root / "dev", "accel"):
        return True
    named = any(environment.get(name) for name in _TPU_VARIABLES)
    return named and _has_numbered(root / "dev/vfio", "")


def installed_version(package: str) -> str | None:
    """Version of a package, None if it is not installed."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def _cuda_cause(version: Callable[[str], str | None]) -> tuple[str, str]:
    """The likely cause, and the extra of `jax` that helps."""
    jaxlib = version("jaxlib")
    for extra in ("cuda13", "cuda12"):
        plugin = f"jax-{extra}-plugin"
        for package in (plugin, f"jax-{extra}-pjrt"):
            found = version(package)
            if found is not None and _numbers(found) != _numbers(jaxlib):
                return f"{package} {found} does not fit jaxlib {jaxlib}", extra
        if version(plugin) is not None:
            return f"{plugin} {version(plugin)} did not start{_ask_jax('cuda')}", extra
    return f"jaxlib {jaxlib} is installed without its plugin for CUDA", "cuda12"


def _tpu_cause(version: Callable[[str], str | None]) -> tuple[str, str]:
    """As `_cuda_cause`."""
    jaxlib, libtpu = version("jaxlib"), version("libtpu")
    if libtpu is None:
        return f"jaxlib {jaxlib} is installed without libtpu", "tpu"
    return f"libtpu {libtpu} did not start with jaxlib {jaxlib}{_ask_jax('tpu')}", "tpu"


def _ask_jax(platform: str) -> str:
    return f""", JAX says why: python -c "import jax; jax.devices('{platform}')\""""


def _numbers(version: str | None) -> str:
    """A version without suffix, which is what must agree."""
    return re.match(r"\d*(\.\d+)*", version or "")[0]


def _has_numbered(folder: pathlib.Path, name: str) -> bool:
    """Whether a folder has a file of this name and a number."""
    return any(re.fullmatch(rf"{name}\d+", path.name) for path in folder.glob(f"{name}*"))
