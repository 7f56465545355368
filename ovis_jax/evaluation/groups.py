"""Groups of objects that are scored apart: by size and by occlusion.

A *cell* is a pair of an area range and an occlusion range, areas varying slowest. The first range
of each kind holds everything.
"""

from __future__ import annotations

import numpy as np

AREA_RANGES = {
    "all": (0.0, 1e10),
    "small": (0.0, 128.0**2),
    "medium": (128.0**2, 256.0**2),
    "large": (256.0**2, 1e10),
}
"""Average pixels of an object; both ends belong to the range."""

OCCLUSION_RANGES = {"all": (0.0, 1.0), "SO": (0.0, 0.25), "MO": (0.25, 0.5), "HO": (0.5, 1.0)}
"""Occlusion score; both ends belong to the range, so an object may stand in two."""


def average_area(areas: np.ndarray) -> float:
    """Mean over the frames where an object's area is not zero; 0 if there is none."""
    visible = areas[areas != 0]
    return float(visible.mean()) if visible.size else 0.0


def within_area(areas: np.ndarray) -> np.ndarray:
    """[area ranges, N] bool: the average areas [N] that are within each range."""
    return _within(areas, AREA_RANGES)


def within_occlusion(scores: np.ndarray) -> np.ndarray:
    """[occlusion ranges, N] bool: the occlusion scores [N] within each range; NaN only in all."""
    within = _within(scores, OCCLUSION_RANGES)
    within[0] = True
    return within


def _within(values: np.ndarray, ranges: dict[str, tuple[float, float]]) -> np.ndarray:
    low, high = np.array(list(ranges.values())).T[..., None]
    return (values >= low) & (values <= high)
