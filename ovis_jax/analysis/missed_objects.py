"""Which videos are the worst, and which objects are missed, by one system or by all."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Self

import numpy as np

from ovis_jax.analysis.scenes import Scene
from ovis_jax.analysis.sections import Cell, Column, Place, Section, Table, percent
from ovis_jax.analysis.sightings import FOUND_FROM, Sighting, sight_objects
from ovis_jax.evaluation.groups import OCCLUSION_RANGES, within_occlusion
from ovis_jax.evaluation.summary import category_labels
from ovis_jax.formats.annotations import Annotations, Video

MOST_ROWS = 50
"""Rows of a table; the JSON file has all."""

_TITLE = "Worst videos and missed objects"
_FOUND = f"a track of its category overlaps with it by an IoU of {FOUND_FROM}, over all frames"

_TEXT = (
    f"An object is found if {_FOUND}; otherwise it is missed. Videos are sorted by the mean, over "
    "their objects, of the best such IoU, missed objects by the number of frames in which they "
    "are visible."
)

_TEXT_OF_ALL = (
    f"An object is missed by all systems if in none of them {_FOUND}. The IoU is the best of all "
    "systems. Videos are sorted by the mean over systems and objects."
)


class MissedObjects:
    """The best track for every object; see `Analysis`."""

    def __init__(self, annotations: Annotations):
        """Has seen no video yet."""
        self._videos = {video.id: video for video in annotations.videos}
        labels = category_labels(annotations.categories)
        self._categories = dict(
            zip((own.id for own in annotations.categories), labels, strict=True)
        )
        self._sightings: list[Sighting] = []

    def add(self, scene: Scene) -> None:
        """Looks at the next video."""
        self._sightings += sight_objects(scene)

    def sections(self) -> list[Section]:
        """Two tables."""
        missed = [own for own in self._sightings if not own.found]
        tables = [
            self._videos_table([self._sightings]),
            self._objects_table("missed_objects", "Missed objects", missed),
        ]
        values = {
            "objects": len(self._sightings),
            "missed": [self._values(own) for own in missed],
        }
        return [Section("missed_objects", _TITLE, _TEXT, tables, values=values)]

    @classmethod
    def comparison(cls, systems: Mapping[str, Self], draws: np.ndarray) -> list[Section]:
        """What all systems miss; see `Analysis`."""
        first = next(iter(systems.values()))
        every = [system._sightings for system in systems.values()]
        missed = [_best(own) for own in zip(*every, strict=True) if not any(s.found for s in own)]
        tables = [
            first._videos_table(every),
            first._objects_table("missed_by_all", "Objects that all systems miss", missed),
        ]
        values = {
            "objects": len(first._sightings),
            "missed_by_all": [first._values(own) for own in missed],
        }
        return [Section("missed_objects", _TITLE, _TEXT_OF_ALL, tables, values=values)]

    def _videos_table(self, systems: Sequence[Sequence[Sighting]]) -> Table:
        """The worst videos, by the mean over systems of the best IoU of each object."""
        ious: dict[int, list[list[float]]] = {}
        for own in zip(*systems, strict=True):
            ious.setdefault(own[0].video_id, []).append([sighting.iou for sighting in own])
        found = {video: np.array(own) for video, own in ious.items()}
        worst = sorted(found, key=lambda video: found[video].mean())[:MOST_ROWS]
        rows = [
            [
                Place(_video_name(self._videos[video]), video),
                video,
                self._videos[video].length,
                len(found[video]),
                int((found[video] >= FOUND_FROM).any(axis=1).sum()),
                float(found[video].mean()),
            ]
            for video in worst
        ]
        heads = [
            *(Column(name) for name in ("video", "id", "frames", "objects", "found")),
            percent("mean best IoU"),
        ]
        note = f"{len(worst)} of {len(found)} videos with objects."
        return Table("worst_videos", "Worst videos", heads, rows, note)

    def _objects_table(self, name: str, title: str, missed: Sequence[Sighting]) -> Table:
        shown = sorted(missed, key=lambda own: -own.frames)[:MOST_ROWS]
        heads = [
            *(Column(name) for name in ("object", "video", "category", "occlusion group")),
            Column("occlusion score", digits=2),
            Column("frames with a mask"),
            Column("average area", "pixels"),
            percent("best IoU"),
            percent("best IoU of any category"),
            Column("its category"),
        ]
        note = f"{len(shown)} of {len(missed)} missed objects, out of {len(self._sightings)}."
        return Table(name, title, heads, [self._object_row(own) for own in shown], note)

    def _object_row(self, own: Sighting) -> list[Cell]:
        return [
            Place(str(own.id), own.video_id, own.largest),
            Place(_video_name(self._videos[own.video_id]), own.video_id),
            self._categories[own.category_id],
            ", ".join(_groups(own)),
            None if math.isnan(own.occlusion) else own.occlusion,
            own.frames,
            own.area,
            own.iou,
            own.any_iou,
            None if own.any_category is None else self._categories[own.any_category],
        ]

    def _values(self, own: Sighting) -> dict[str, object]:
        return {
            "id": own.id,
            "video_id": own.video_id,
            "video": _video_name(self._videos[own.video_id]),
            "category_id": own.category_id,
            "occlusion_score": None if math.isnan(own.occlusion) else own.occlusion,
            "occlusion_groups": _groups(own),
            "frames": own.frames,
            "average_area": own.area,
            "best_iou": own.iou,
            "best_iou_of_any_category": own.any_iou,
            "its_category_id": own.any_category,
        }


def _best(sightings: Sequence[Sighting]) -> Sighting:
    """Of several systems the one that comes closest."""
    return max(sightings, key=lambda own: (own.iou, own.any_iou))


def _groups(own: Sighting) -> list[str]:
    within = within_occlusion(np.array([own.occlusion]))[:, 0]
    return [name for name, inside in zip(OCCLUSION_RANGES, within, strict=True) if inside][1:]


def _video_name(video: Video) -> str:
    """The folder of its frames, or its id where the file names none."""
    folder = video.file_names[0].rpartition("/")[0] if video.file_names else ""
    return folder or str(video.id)
