"""Weights made from parameter names, by the formula of the golden data's README."""

import zlib

import numpy as np
from golden_folder import golden_arrays, golden_json

from ovis_jax.weights.maps import cmasktrack_rcnn
from ovis_jax.weights.rules import apply_rules


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
        assert zlib.crc32(value.astype("<f4").tobytes()) == entry["crc32"], name
        state[name] = value
    return state


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
