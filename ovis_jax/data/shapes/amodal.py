"""Masks of whole objects, hidden or not, in records beside those of what is visible.

The fields are those of COCO Amodal (Zhu et al., "Semantic Amodal Segmentation", CVPR 2017; its API
is github.com/Wakeupbuddy/amodalAPI): `segmentation` is the whole object, `visible_mask` and
`invisible_mask` are its parts, `occlude_rate` is the hidden share. Of videos there is one of each
for every frame, in lists with the plural as their name, as YouTube-VIS has it. An object ends at
the border of the frame. `visible_mask` is written also where nothing is hidden, where COCO Amodal
leaves it out, and where fewer pixels are visible than count.
"""

from collections.abc import Sequence

import numpy as np

from ovis_jax.data.shapes.rendering import Frame
from ovis_jax.data.track_records import TrackRecords, mask_box
from ovis_jax.formats import rle

_PLURALS = {
    "segmentation": "segmentations",
    "bbox": "bboxes",
    "area": "areas",
    "visible_mask": "visible_masks",
    "invisible_mask": "invisible_masks",
    "occlude_rate": "occlude_rates",
}


class SceneRecords:
    """Collects the frames of one scene: records of what is visible, and of whole objects."""

    def __init__(self, category_ids: Sequence[int], min_pixels: int, amodal: bool):
        """Starts before the first frame.

        Args:
          category_ids: of each object.
          min_pixels: an object with fewer visible pixels in a frame counts as not visible.
          amodal: whole objects are asked for, too.
        """
        self._visible = TrackRecords(category_ids, min_pixels)
        self._entries: list[list[dict | None]] = []
        self._amodal = amodal

    def add(self, frame: Frame) -> None:
        """Adds the next frame."""
        self._visible.add(frame.visible_masks(), frame.full_areas)
        if self._amodal:
            self._entries.append([_entry(frame, number) for number in range(len(frame.wholes))])

    def records(self, video_id: int) -> tuple[list[dict], list[dict]]:
        """Annotations of what is visible, and of the same objects as a whole, without ids.

        The second list is empty unless it was asked for.
        """
        visible = self._visible.records(video_id)
        if not self._amodal:
            return visible, []
        tracks = [[own[number] for own in self._entries] for number in self._visible.seen]
        return visible, [
            {**record, **_track(entries)} for record, entries in zip(visible, tracks, strict=True)
        ]


def amodal_annotation(visible: dict, whole: dict) -> dict:
    """The record of an image, of that of what is visible and that of a video of one frame."""
    return visible | {name: whole[plural][0] for name, plural in _PLURALS.items()}


def _track(entries: Sequence[dict | None]) -> dict:
    """Lists of every field, with None where the object is outside the frame."""
    return {
        plural: [entry and entry[name] for entry in entries] for name, plural in _PLURALS.items()
    }


def _entry(frame: Frame, number: int) -> dict | None:
    whole = frame.whole_mask(number)
    area = int(np.count_nonzero(whole))
    if not area:
        return None
    visible = frame.owners == number
    return {
        "segmentation": rle.encode(whole),
        "bbox": mask_box(whole),
        "area": area,
        "visible_mask": rle.encode(visible),
        "invisible_mask": rle.encode(whole & ~visible),
        "occlude_rate": round(1 - np.count_nonzero(visible) / area, 4),
    }
