"""The objects that tracks should find, by category."""

from __future__ import annotations

import dataclasses
from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from ovis_jax.evaluation.groups import (
    AREA_RANGES,
    average_area,
    within_area,
    within_occlusion,
)
from ovis_jax.evaluation.occlusion import occlusion_score
from ovis_jax.formats.annotations import Annotations, Instance


@dataclasses.dataclass(frozen=True)
class Objects:
    """The G objects of a category, by video id; within a video in the order of the file.

    Attributes:
      instances: G objects.
      videos: [G] int64, ids.
      is_crowd: [G] bool.
      areas: [G] float64, average areas in pixels.
      occlusion: [G] float64, occlusion scores; NaN without labels.
      ignored: [cells, G] bool, need not be found in the cell.
    """

    instances: tuple[Instance, ...]
    videos: np.ndarray
    is_crowd: np.ndarray
    areas: np.ndarray
    occlusion: np.ndarray
    ignored: np.ndarray

    def first_of(self, video_id: int) -> int:
        """Index of a video's first object."""
        return int(np.searchsorted(self.videos, video_id))


def objects_by_category(annotations: Annotations, occlusion_levels: int) -> dict[int, Objects]:
    """The objects of every category, by category id in ascending order.

    Args:
      annotations: ground truth.
      occlusion_levels: number of occlusion ranges, from the first one on.
    """
    instances = defaultdict(list)
    for instance in sorted(annotations.instances, key=lambda instance: instance.video_id):
        instances[instance.category_id].append(instance)
    return {
        category.id: _objects(instances[category.id], occlusion_levels)
        for category in annotations.categories
    }


def _objects(instances: Sequence[Instance], occlusion_levels: int) -> Objects:
    is_crowd = np.array([instance.iscrowd for instance in instances], bool)
    areas = np.array([average_area(instance.areas) for instance in instances])
    occlusion = np.array([occlusion_score(instance.occlusion) for instance in instances])
    within = within_area(areas)[:, None] & within_occlusion(occlusion)[:occlusion_levels]
    within = within.reshape(len(AREA_RANGES) * occlusion_levels, len(instances))
    videos = np.array([instance.video_id for instance in instances], np.int64)
    return Objects(tuple(instances), videos, is_crowd, areas, occlusion, is_crowd | ~within)
