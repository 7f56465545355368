"""Weights made from parameter names, by the formula of the golden data's README."""

import zlib

import numpy as np
import pytest
from golden_folder import golden_arrays, golden_json

from ovis_jax.weights.maps import cmasktrack_rcnn
from ovis_jax.weights.rules import apply_rules

_DRAWS, _CHECKSUM_OF_DRAWS = 1_000_000, 163544341


def state_dict() -> dict[str, np.ndarray]:
    """All tensors of CMaskTrack R-CNN under their PyTorch names."""
    recorded = golden_json("cmasktrack_rcnn", "params.json")
    overrides = golden_arrays("cmasktrack_rcnn", "overrides.npz")
    return checked_tensors(recorded["params"], recorded["seed"], overrides)


def checked_tensors(entries: list[dict], seed: int, overrides=()) -> dict[str, np.ndarray]:
    """Tensors by name, generated or of `overrides`; each has its recorded checksum."""
    state = {}
    for entry in entries:
        name = entry["name"]
        known = name in overrides
        value = overrides[name].astype(np.float32) if known else _generated(entry, seed)
        if _checksum(value) != entry["crc32"]:
            _skip_where_normal_numbers_are_others()
            raise AssertionError(f"{name}: not the recorded numbers")
        state[name] = value
    return state


def _checksum(values: np.ndarray) -> int:
    return zlib.crc32(values.astype("<f4").tobytes())


def _skip_where_normal_numbers_are_others() -> None:
    """The tails of numpy's normal float32 numbers are logarithms that the C library rounds.

    glibc 2.41 rounds some otherwise than those before it, so that weights cannot be made there.
    """
    generator = np.random.Generator(np.random.PCG64(5))
    if _checksum(generator.standard_normal(_DRAWS, dtype=np.float32)) != _CHECKSUM_OF_DRAWS:
        pytest.skip("the C library rounds logarithms otherwise than where weights were recorded")


def _generated(entry: dict, seed: int) -> np.ndarray:
    """One tensor, from its name."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(entry["name"].encode()) + seed))
    z = generator.standard_normal(entry["shape"], dtype=np.float32)
    scale, offset, positive = (_by_column(entry[x], z) for x in ("scale", "offset", "abs"))
    z = np.where(positive, np.abs(z), z)
    return np.asarray(np.float32(offset) + np.float32(scale) * z)


def _by_column(value, z: np.ndarray):
    """A number of all columns as it is; several share the columns of a matrix equally."""
    if not isinstance(value, list):
        return value
    return np.repeat(value, z.shape[-1] // len(value))


def golden_variables(template: dict) -> dict:
    """Variables of a model of the published architecture."""
    return apply_rules(state_dict(), cmasktrack_rcnn.rules(), template, "generated weights")
