"""Size of a track: its mean area, and the ranges that metrics are split by."""

import numpy as np

AREA_RANGES = {
    "all": (0.0, 1e10),
    "small": (0.0, 128.0**2),
    "medium": (128.0**2, 256.0**2),
    "large": (256.0**2, 1e10),
}  # square pixels; both ends belong to the range


def mean_area(areas: np.ndarray) -> float:
    """Mean of a track's areas [T] over the frames where it has any; 0 without such a frame."""
    seen = areas[areas > 0]
    return float(seen.mean()) if seen.size else 0.0


def in_area_ranges(mean_areas: np.ndarray) -> np.ndarray:
    """Which ranges tracks belong to: mean areas [N] in square pixels → [A, N] bool."""
    low, high = np.array(list(AREA_RANGES.values())).T[..., None]  # [A, 1] each
    return (low <= mean_areas) & (mean_areas <= high)
