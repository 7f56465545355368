"""What the evaluator knows of a video, from a scene."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovis_jax.analysis.scenes import Scene
from ovis_jax.evaluation.groups import average_area
from ovis_jax.evaluation.overlaps import MAX_TRACKS, Overlaps
from ovis_jax.formats.annotations import Instance


def scene_overlaps(scene: Scene, instances: Sequence[Instance]) -> dict[int, Overlaps]:
    """Overlaps of the surest tracks of each category, by its id.

    Args:
      scene: a video.
      instances: its objects and crowds in the order of the file.
    """
    rows = {own.id: scene.tube_iou[k] for k, own in enumerate(scene.objects)}
    rows |= {own.id: scene.crowd_iou[k] for k, own in enumerate(scene.crowds)}
    areas = np.array([average_area(own) for own in scene.track_areas.T])
    found = {}
    for category in np.unique(scene.track_categories).tolist():
        tracks = np.flatnonzero(scene.track_categories == category)[:MAX_TRACKS]
        iou = [rows[own.id][tracks] for own in instances if own.category_id == category]
        found[category] = Overlaps(
            entries=scene.entries[tracks],
            scores=scene.scores[tracks],
            categories=scene.track_categories[tracks],
            areas=areas[tracks],
            iou=np.array(iou).reshape(len(iou), len(tracks)).T,
        )
    return found
