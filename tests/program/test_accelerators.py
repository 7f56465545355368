"""Machines of every kind, as file trees; what is installed, as a table of versions."""

import jax
import pytest

from ovis_jax.program import accelerators
from ovis_jax.program.accelerators import unused_accelerator, warn_of_unused_accelerators

JAX = {"jax": "0.10.2", "jaxlib": "0.10.2"}


@pytest.fixture
def machine(tmp_path):
    """Makes files below the root of a machine."""

    def make(*files):
        for file in files:
            path = tmp_path / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
        return tmp_path

    return make


def found(root, environment=(), **versions):
    packages = JAX | {name.replace("_", "-"): version for name, version in versions.items()}
    return unused_accelerator(root, dict(environment), packages.get)


@pytest.mark.parametrize(
    "files", [["dev/nvidia0", "dev/nvidiactl"], ["dev/dxg", "usr/lib/wsl/lib/libcuda.so.1"]]
)
def test_a_gpu_without_a_plugin_is_named_with_the_command_that_helps(machine, files):
    message = found(machine(*files))
    assert "has an NVIDIA GPU" in message and "computes on the CPU" in message
    assert "jaxlib 0.10.2 is installed without its plugin for CUDA" in message
    assert 'pip install -U "jax[cuda12]==0.10.2"' in message
    assert "JAX_PLATFORMS=cpu" in message and "\n" not in message


@pytest.mark.parametrize("part", ["plugin", "pjrt"])
@pytest.mark.parametrize("cuda", ["cuda12", "cuda13"])
def test_a_plugin_that_does_not_fit_jaxlib_is_named(machine, cuda, part):
    versions = {f"jax_{cuda}_plugin": "0.10.2", f"jax_{cuda}_pjrt": "0.10.2"}
    message = found(machine("dev/nvidia0"), **versions | {f"jax_{cuda}_{part}": "0.7.2"})
    assert f"jax-{cuda}-{part} 0.7.2 does not fit jaxlib 0.10.2" in message
    assert f'"jax[{cuda}]==0.10.2"' in message


def test_a_plugin_that_fits_and_did_not_start_is_left_to_jax_to_explain(machine):
    message = found(
        machine("dev/nvidia0"), jax_cuda12_plugin="0.10.2.post1", jax_cuda12_pjrt="0.10.2"
    )
    assert "jax-cuda12-plugin 0.10.2.post1 did not start" in message
    assert "jax.devices('cuda')" in message


def test_a_tpu_without_or_with_a_library_is_named(machine):
    root = machine("dev/accel0")
    assert "has a TPU" in found(root) and "without libtpu" in found(root)
    assert 'pip install -U "jax[tpu]==0.10.2"' in found(root)
    assert "libtpu 0.0.21 did not start with jaxlib 0.10.2" in found(root, libtpu="0.0.21")


def test_vfio_devices_are_chips_where_variables_say_tpu(machine):
    root = machine("dev/vfio/0", "dev/vfio/vfio")
    assert found(root) is None
    assert "has a TPU" in found(root, {"TPU_ACCELERATOR_TYPE": "v5litepod-1"})


@pytest.mark.parametrize(
    "files",
    [
        ["dev/null"],
        ["dev/nvidiactl"],  # a driver, and no GPU of this container
        ["dev/accel/accel0"],  # other makers' accelerators
        ["dev/vfio/vfio"],
        ["dev/dxg"],
    ],
)
def test_other_devices_are_none(machine, files):
    assert found(machine(*files), {"TPU_NAME": "", "CUDA_HOME": "/usr/local/cuda"}) is None


@pytest.mark.parametrize(("hidden", "warned"), [("", False), ("-1", False), ("0", True)])
def test_hidden_gpus_were_not_wanted(machine, hidden, warned):
    message = found(machine("dev/nvidia0"), {"CUDA_VISIBLE_DEVICES": hidden})
    assert (message is not None) == warned


@pytest.fixture
def warnings(monkeypatch):
    """What is logged on a machine with an idle accelerator."""
    lines = []
    monkeypatch.setattr(accelerators, "unused_accelerator", lambda *machine: "idle")
    monkeypatch.setattr(accelerators.logging, "warning", lambda form, *args: lines.append(args))
    return lines


@pytest.mark.parametrize(
    ("platforms", "backend", "count"),
    [(None, "cpu", 1), ("", "cpu", 1), ("cpu", "cpu", 0), (None, "gpu", 0), (None, "tpu", 0)],
)
def test_it_is_said_once_and_not_where_the_platform_was_chosen_or_is_used(
    monkeypatch, warnings, platforms, backend, count
):
    monkeypatch.setattr(jax, "default_backend", lambda: backend)
    kept = jax.config.jax_platforms
    jax.config.update("jax_platforms", platforms)
    try:
        warn_of_unused_accelerators()
    finally:
        jax.config.update("jax_platforms", kept)
    assert warnings == [("idle",)] * count
