"""Videos collected object by object, as readers of foreign formats do."""

from __future__ import annotations

import pathlib
from collections.abc import Hashable, Sequence

from ovis_jax.formats.annotations import Annotations, Category
from ovis_jax.formats.documents import from_document


class Clip:
    """The objects of one video, added mask by mask.

    Attributes:
      file_names: of the frames.
      width: of every frame; likewise `height`.
      height: see `width`.
      annotated: numbers of the frames in which objects were looked for; None: all.
    """

    def __init__(self, file_names: Sequence[str], width: int, height: int):
        """Starts without objects.

        Args:
          file_names: of the frames; T of them.
          width: of every frame; likewise `height`.
          height: see `width`.
        """
        self.file_names, self.width, self.height = list(file_names), width, height
        self.annotated: list[int] | None = None  # frames; None: all
        self._objects: dict[Hashable, dict] = {}

    def add(
        self,
        key: Hashable,
        category_id: int,
        frame: int,
        segmentation: dict | list | None,
        *,
        occlusion: str | None = None,
        iscrowd: bool = False,
    ) -> None:
        """Adds what an object looks like in a frame.

        Args:
          key: of the object within the video.
          category_id: of the object.
          frame: its number.
          segmentation: as in OVIS format.
          occlusion: level.
          iscrowd: the object is a crowd.
        """
        length = len(self.file_names)
        record = self._objects.setdefault(
            key,
            {
                "category_id": category_id,
                "iscrowd": int(iscrowd),
                "segmentations": [None] * length,
                "occlusion": [None] * length,
            },
        )
        record["segmentations"][frame] = segmentation
        record["occlusion"][frame] = occlusion

    def has(self, key: Hashable, frame: int) -> bool:
        """Whether an object has a mask in a frame."""
        return key in self._objects and self._objects[key]["segmentations"][frame] is not None

    def records(self, video_id: int) -> list[dict]:
        """Its annotations, without ids."""
        records = [{"video_id": video_id, **record} for record in self._objects.values()]
        for record in records:
            if not any(record["occlusion"]):
                del record["occlusion"]
        return records


def annotations_of(
    clips: Sequence[Clip], categories: Sequence[Category], path: pathlib.Path | str
) -> Annotations:
    """Puts videos together and checks them; `path` names their source in messages.

    Raises:
      InputError: something makes no sense.
    """
    videos, records = [], []
    for video_id, clip in enumerate(clips, start=1):
        size = {"width": clip.width, "height": clip.height}
        names = {"length": len(clip.file_names), "file_names": clip.file_names}
        annotated = {} if clip.annotated is None else {"annotated_frames": clip.annotated}
        videos.append({"id": video_id, **size, **names, **annotated})
        records += clip.records(video_id)
    document = {
        "videos": videos,
        "categories": [{"id": c.id, "name": c.name} for c in categories],
        "annotations": [{"id": number, **r} for number, r in enumerate(records, start=1)],
    }
    return from_document(document, str(path))


def numbered(ids: dict[str, int]) -> list[Category]:
    """The categories of `Sources.category_ids`."""
    return [Category(number, name) for name, number in ids.items()]
