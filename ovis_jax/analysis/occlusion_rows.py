"""Which frames of which objects are scored together: by the frame's label, or by the object."""

from __future__ import annotations

import numpy as np

from ovis_jax.evaluation.groups import OCCLUSION_RANGES, within_occlusion
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS

FRAME_LEVELS = (*OCCLUSION_LEVELS, "unlabelled")
"""Occlusion of an object in a frame; the last one stands for a frame without a label."""

OBJECT_GROUPS = tuple(name for name in OCCLUSION_RANGES if name != "all")

ROWS = ("all", *OCCLUSION_LEVELS, *OBJECT_GROUPS)
"""All frames; the frames of each label; all frames of the objects of each occlusion group."""

ROW_LABELS = {
    "all": "all frames",
    "no_occlusion": "frames without occlusion",
    "slight_occlusion": "frames with slight occlusion",
    "severe_occlusion": "frames with severe occlusion",
    "SO": "slightly occluded objects, SO",
    "MO": "moderately occluded objects, MO",
    "HO": "heavily occluded objects, HO",
}

LEVEL_ROWS = frozenset(OCCLUSION_LEVELS)
"""Of these rows nobody knows which tracks without an object should count as wrong."""


def frame_levels(levels: np.ndarray) -> np.ndarray:
    """Positions in FRAME_LEVELS from those in OCCLUSION_LEVELS or -1."""
    return np.where(levels < 0, len(OCCLUSION_LEVELS), levels)


def chosen_frames(occlusion: np.ndarray) -> np.ndarray:
    """[ROWS, FRAME_LEVELS, G] bool: which frames of G objects each row holds.

    Args:
      occlusion: [G], occlusion scores; NaN without labels.
    """
    chosen = np.zeros((len(ROWS), len(FRAME_LEVELS), len(occlusion)), bool)
    chosen[0] = True
    for number in range(len(OCCLUSION_LEVELS)):
        chosen[1 + number, number] = True
    chosen[1 + len(OCCLUSION_LEVELS) :] = within_occlusion(occlusion)[1:, None]
    return chosen
