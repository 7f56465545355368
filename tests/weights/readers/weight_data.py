"""The committed files that PyTorch wrote, and real ones where they are at hand."""

import pathlib

import numpy as np
import pytest

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers.files import read_state_dict

FOLDER = pathlib.Path(__file__).parents[2] / "recorded" / "weights"
_REAL = pathlib.Path(__file__).parents[4] / "shared" / "data" / "weights"


def expected() -> dict[str, np.ndarray]:
    with np.load(FOLDER / "expected.npz") as file:
        return dict(file)


def real_file(name: str) -> pathlib.Path:
    if not (_REAL / name).is_file():
        pytest.skip(f"no {name}")
    return _REAL / name


def assert_bad_input(path: pathlib.Path, message: str | None = None) -> str:
    """The file is refused with one line that names it; returns the line."""
    with pytest.raises(InputError, match=message) as error:
        read_state_dict(path)
    line = str(error.value)
    assert line.startswith(f"{path}: ") and "\n" not in line and len(line) < 500
    return line


def assert_cuts_are_bad_input(source: pathlib.Path, path: pathlib.Path, step: int) -> None:
    """A file cut at every `step`-th byte, and before its last one, is refused."""
    data = source.read_bytes()
    for length in [*range(0, len(data), step), len(data) - 1]:
        path.write_bytes(data[:length])
        assert_bad_input(path)


def assert_damage_is_found_or_harmless(source: pathlib.Path, path: pathlib.Path, count: int):
    """Changed bytes lead to InputError or to arrays, never to anything else."""
    data, rng = source.read_bytes(), np.random.default_rng(0)
    for _ in range(count):
        damaged = bytearray(data)
        for position in rng.integers(len(data), size=rng.integers(1, 4)):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            state = read_state_dict(path)
        except InputError:
            continue
        assert all(isinstance(x, np.ndarray) and x.tobytes() is not None for x in state.values())
