"""How occluded an object is, and the ranges that metrics are split by (OVIS paper, section 3)."""

import math
from collections.abc import Sequence

import numpy as np

from ovis_jax.formats.annotations import Instance

OCCLUSION_RANGES = {
    "all": (0.0, 1.0),
    "SO": (0.0, 0.25),
    "MO": (0.25, 0.5),
    "HO": (0.5, 1.0),
}  # slight, moderate, heavy; both ends belong to the range, so 0.25 and 0.5 are in two
_LEVEL_SCORES = {"no_occlusion": 0.0, "slight_occlusion": 0.25, "severe_occlusion": 0.75}


def occlusion_score(levels: Sequence[str | None]) -> float:
    """Mean of the higher half of an object's occlusion levels, in [0, 0.75].

    Args:
      levels: one for each frame, None where there is none; those count for nothing.

    Returns:
      The score, or NaN for an object without any level.
    """
    scores = sorted(_LEVEL_SCORES[level] for level in levels if level is not None)
    higher = scores[len(scores) // 2 :]
    return math.fsum(higher) / len(higher) if higher else math.nan


def in_occlusion_ranges(scores: np.ndarray) -> np.ndarray:
    """Which ranges objects belong to: scores [N] → [O, N] bool; NaN is in "all" alone."""
    low, high = np.array(list(OCCLUSION_RANGES.values())).T[..., None]  # [O, 1] each
    inside = (low <= scores) & (scores <= high)
    inside[0] = True
    return inside


def instance_occlusion(instances: Sequence[Instance]) -> tuple[np.ndarray, list[str]]:
    """Occlusion scores [N] of objects, and notes about missing ones.

    A crowd's score is of no use and NaN, as is that of an object without any level. If an object
    has not even a list of levels, groups of the others would mislead: all scores are NaN.
    """
    needed = [instance for instance in instances if not instance.iscrowd]
    missing = [instance for instance in needed if instance.occlusion is None]
    if missing:
        count = f"{len(missing)} of {len(needed)} objects have no field occlusion"
        return np.full(len(instances), np.nan), [f"no groups by occlusion: {count}"]
    scores = [math.nan if i.iscrowd else occlusion_score(i.occlusion) for i in instances]
    unknown = sum(not any(instance.occlusion) for instance in needed)
    note = f"{unknown} objects without an occlusion level are in no group by occlusion"
    return np.array(scores), [note] if unknown else []
