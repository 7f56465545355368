"""How occluded an annotated object is over its whole video."""

from collections.abc import Sequence

import numpy as np

LEVELS = {"no_occlusion": 0.0, "slight_occlusion": 0.25, "severe_occlusion": 0.75}


def occlusion_score(labels: Sequence[str | None] | None) -> float:
    """Mean over the more occluded half of an object's labelled frames (OVIS paper, section 3.3).

    Args:
      labels: for each frame a key of LEVELS or None, also where the object has no mask; None if
        there are no labels at all.

    Returns:
      A score in [0, 0.75]; NaN without any label.
    """
    levels = np.sort([LEVELS[label] for label in labels or () if label is not None])
    return float(levels[len(levels) // 2 :].mean()) if levels.size else np.nan
