"""Weights made from parameter names, by the formula of the golden data's README."""

import zlib

import numpy as np
from golden_folder import golden_arrays, golden_json

from ovis_jax.checkpoints.maps import cmasktrack_rcnn
from ovis_jax.checkpoints.rules import apply_rules


def state_dict() -> dict[str, np.ndarray]:
    """All tensors under their PyTorch names; each is checked against its recorded checksum."""
    overrides = golden_arrays("cmasktrack_rcnn", "overrides.npz")
    recorded = golden_json("cmasktrack_rcnn", "params.json")
    state = {}
    for entry in recorded["params"]:
        name = entry["name"]
        known = name in overrides
        value = overrides[name].astype(np.float32) if known else generated(entry, recorded["seed"])
        assert zlib.crc32(value.astype("<f4").tobytes()) == entry["crc32"], name
        state[name] = value
    return state


def generated(entry: dict, seed: int) -> np.ndarray:
    """One tensor, from its name."""
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(entry["name"].encode()) + seed))
    z = generator.standard_normal(entry["shape"], dtype=np.float32)
    z = np.abs(z) if entry["abs"] else z
    return np.asarray(np.float32(entry["offset"]) + np.float32(entry["scale"]) * z)


def golden_variables(template: dict) -> dict:
    """Variables of a model of the published architecture."""
    return apply_rules(state_dict(), cmasktrack_rcnn.rules(), template, "generated weights")
