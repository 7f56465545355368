"""Finds the recorded reference numbers and skips where they are absent."""

import functools
import json
import os
import pathlib

import numpy as np
import pytest

_ROOT = pathlib.Path(__file__).resolve().parent


def golden_folder(system: str) -> pathlib.Path:
    """One system's folder: in `OVIS_JAX_GOLDEN`, `../shared/golden` or `tests/recorded/golden`."""
    shared = _ROOT.parent.parent / "shared" / "golden"
    default = shared if shared.is_dir() else _ROOT / "recorded" / "golden"
    folder = pathlib.Path(os.environ.get("OVIS_JAX_GOLDEN", default)) / system
    if not folder.is_dir():
        pytest.skip(f"no golden data for {system}", allow_module_level=True)
    return folder


class _Recorded(dict):
    """A record of which a part may be all there is: what it lacks skips the test."""

    def __missing__(self, key):
        pytest.skip(f"no {key} in this part of the golden data")


def _is_part(folder: pathlib.Path) -> bool:
    return (folder / "PART").is_file()


@functools.cache
def golden_arrays(system: str, name: str) -> dict[str, np.ndarray]:
    """All arrays of one `.npz` of the golden data."""
    path = golden_folder(system) / name
    if not path.is_file():
        pytest.skip(f"no {name} in {path.parent}", allow_module_level=True)
    with np.load(path) as file:
        return _Recorded(file) if _is_part(path.parent) else dict(file)


@functools.cache
def golden_json(system: str, name: str):
    """One JSON file of the golden data."""
    path = golden_folder(system) / name
    if not path.is_file():
        pytest.skip(f"no {name} in {path.parent}", allow_module_level=True)
    kind = _Recorded if _is_part(path.parent) else dict
    return json.loads(path.read_text(), object_hook=kind)
