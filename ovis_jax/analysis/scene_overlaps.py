"""Scenes → the evaluator's overlaps and metrics, without looking at masks again."""

from __future__ import annotations

import collections
import functools
from collections.abc import Mapping, Sequence

import numpy as np

from ovis_jax.analysis.scenes import Scene
from ovis_jax.evaluation.evaluator import Matching, match_measured
from ovis_jax.evaluation.measuring import Measured
from ovis_jax.evaluation.overlaps import MAX_TRACKS, Key, Overlaps
from ovis_jax.formats.annotations import Annotations, Instance
from ovis_jax.formats.result_heads import UNKNOWN


@functools.lru_cache(maxsize=1)  # several analyses ask for those of one scene
def scene_overlaps(scene: Scene) -> Mapping[Key, Overlaps]:
    """Overlaps of the tracks of a video, by category and video id."""
    return overlaps_by_category(
        scene.video.id,
        scene.track_categories,
        scene.instances,
        instance_iou(scene, scene.tube_iou, scene.crowd_iou),
        (scene.entries, scene.scores, average_areas(scene.track_areas)),
    )


def overlaps_by_category(
    video_id: int,
    categories: np.ndarray,
    instances: Sequence[Instance],
    iou: np.ndarray,
    heads: tuple[np.ndarray, np.ndarray, np.ndarray],
) -> dict[Key, Overlaps]:
    """Parts the tracks of a video by category.

    Args:
      video_id: of the annotations.
      categories: [P] int64, ids of the tracks' categories.
      instances: N, in the order of the file.
      iou: [N, P] float64.
      heads: positions in the results, scores (descending) and average areas, [P] each.
    """
    entries, scores, areas = heads
    truth = np.array([instance.category_id for instance in instances], np.int64)
    found = {}
    for category in np.unique(categories).tolist():
        tracks = np.flatnonzero(categories == category)[:MAX_TRACKS]
        rows = np.flatnonzero(truth == category)
        found[category, video_id] = Overlaps(
            entries=entries[tracks],
            scores=scores[tracks],
            categories=categories[tracks],
            areas=areas[tracks],
            iou=iou[np.ix_(rows, tracks)].T,
        )
    return found


def instance_iou(scene: Scene, objects: np.ndarray, crowds: np.ndarray) -> np.ndarray:
    """[N, P], rows in the order of the file, from those of objects [G, P] and crowds [C, P]."""
    is_crowd = np.array([instance.iscrowd for instance in scene.instances], bool)
    joined = np.empty((len(is_crowd), objects.shape[1]))
    joined[~is_crowd], joined[is_crowd] = objects, crowds
    return joined


def average_areas(areas: np.ndarray) -> np.ndarray:
    """[P] float64, mean over the frames with a pixel of [T, P]; 0 if there is none."""
    return areas.sum(axis=0) / np.maximum((areas > 0).sum(axis=0), 1)


def match_overlaps(annotations: Annotations, overlaps: Mapping[Key, Overlaps]) -> Matching:
    """The evaluator's matching of all videos."""
    num_tracks = sum(len(own.scores) for own in overlaps.values())
    dropped = {name: collections.Counter() for name in UNKNOWN}
    return match_measured(Measured(annotations, num_tracks, 0, overlaps, dropped))
