"""How well each object is found: the best track for it."""

from __future__ import annotations

import dataclasses

from ovis_jax.analysis.scenes import Scene

FOUND_FROM = 0.5
"""Overlap of the tubes from which on a track of its category finds an object."""


@dataclasses.dataclass(frozen=True)
class Sighting:
    """An object, and which tracks come closest to it.

    Attributes:
      id: of the annotations.
      video_id: of the annotations.
      category_id: of the annotations.
      occlusion: occlusion score; NaN without labels.
      frames: with a mask.
      area: average pixels of these.
      largest: frame in which most of it is seen.
      iou: highest IoU of a track of its category; 0 without one.
      any_iou: highest IoU of a track of any category.
      any_category: category of that track; None if nothing overlaps.
    """

    id: int | str
    video_id: int
    category_id: int
    occlusion: float
    frames: int
    area: float
    largest: int
    iou: float
    any_iou: float
    any_category: int | None

    @property
    def found(self) -> bool:
        """Whether a track of its category overlaps enough."""
        return self.iou >= FOUND_FROM


def sight_objects(scene: Scene) -> list[Sighting]:
    """The objects of a video, in the order of the file."""
    return [_sight(scene, place) for place in range(len(scene.objects))]


def _sight(scene: Scene, place: int) -> Sighting:
    own, iou = scene.objects[place], scene.tube_iou[place]
    areas = scene.object_areas[:, place]
    frames = int((areas > 0).sum())
    best = int(iou.argmax()) if iou.any() else None
    return Sighting(
        id=own.id,
        video_id=scene.video.id,
        category_id=own.category_id,
        occlusion=float(scene.occlusion[place]),
        frames=frames,
        area=float(areas.sum() / max(frames, 1)),
        largest=int(areas.argmax()) if len(areas) else 0,
        iou=float(iou[scene.track_categories == own.category_id].max(initial=0)),
        any_iou=float(iou.max(initial=0)),
        any_category=None if best is None else int(scene.track_categories[best]),
    )
