"""Checks what an annotation file says of objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovis_jax.formats.annotation_fields import Listed, check_unique
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS, Instance, Video
from ovis_jax.formats.crowd_fields import crowd_flag
from ovis_jax.formats.errors import InputError, Problems
from ovis_jax.formats.fields import (
    as_record,
    list_of,
    number_per_frame,
    required,
    shown,
    whole_number,
)
from ovis_jax.formats.segmentations import Segmentations, check_segmentations, compact

_FIELDS = ("id", "video_id", "category_id", "iscrowd", "bboxes", "areas", "occlusion")


def compact_annotation(record: object) -> object:
    """Keeps of an entry of `annotations` what is needed, its masks in the smallest form.

    What is not understood stays as it is, for `parse_instances` to complain about.
    """
    if not isinstance(record, dict):
        return record
    kept = {field: record[field] for field in _FIELDS if field in record}
    if isinstance(record.get("segmentations"), list):
        kept["masks"] = compact(record["segmentations"])
    elif "segmentations" in record:
        kept["segmentations"] = record["segmentations"]
    return kept


def parse_instances(
    records: Sequence[object],
    videos: Listed,
    categories: Listed,
    path: str,
    problems: Problems,
) -> tuple[Instance, ...]:
    """The objects, in order; those with a problem are left out.

    Args:
      records: what `compact_annotation` gave.
      videos: of the same file; likewise `categories`.
      categories: see `videos`.
      path: of the file, for messages.
      problems: takes what is missing or makes no sense, with file, entry, field and frame.
    """
    heads = _Heads(videos, categories, problems)
    found = []
    for number, record in enumerate(records):
        head = heads.read(record, f"{path}: annotations[{number}]")
        if head is not None:
            found.append((*head, record))
    check_unique([_id_of(record) for record in records], "annotations", path, problems)
    masks = check_segmentations(
        ((where, (video.height, video.width), record["masks"]) for where, video, record in found),
        polygons=True,
        problems=problems,
    )
    instances = (
        _instance(record, video, own, where, problems)
        for (where, video, record), own in zip(found, masks, strict=True)
    )
    return tuple(instance for instance in instances if instance is not None)


class _Heads:
    """Checks of each record ids and the number of masks."""

    def __init__(self, videos: Listed, categories: Listed, problems: Problems):
        self._videos = {video.id: video for video in videos.records}
        self._known = {
            field: ({record.id for record in listed.records} - listed.broken, listed)
            for field, listed in (("video_id", videos), ("category_id", categories))
        }
        self._problems = problems

    def read(self, record: object, where: str) -> tuple[str, Video] | None:
        """Names the entry and finds its video; None if something is wrong."""
        with self._problems.caught():
            record = as_record(record, where)
            instance_id = required(record, "id", where)
            if type(instance_id) not in (int, float, str):
                raise InputError(
                    f"{where}: id: expected a number or string, is {shown(instance_id)}"
                )
            where = f"{where} (id {shown(instance_id)})"
            if all([self._is_known(record, field, where) for field in self._known]):
                video = self._videos[record["video_id"]]
                if "masks" not in record:
                    list_of(record, "segmentations", where)  # raises
                masks = {"segmentations": record["masks"][1]}
                list_of(masks, "segmentations", where, video.length)
                return where, video
        return None

    def _is_known(self, record: dict, field: str, where: str) -> bool:
        """Whether an id is one of the file's; one that has a problem is not told of again."""
        known, listed = self._known[field]
        record[field] = whole_number(record, field, where)
        if record[field] in known:
            return True
        if record[field] not in listed.broken and not listed.is_vague:
            raise InputError(f"{where}: {field}: {record[field]} is not in the file")
        return False


def _id_of(record: object) -> int | float | str | None:
    value = record.get("id") if isinstance(record, dict) else None
    return value if type(value) in (int, float, str) else None


def _instance(
    record: dict, video: Video, masks: Segmentations, where: str, problems: Problems
) -> Instance | None:
    fields = {}
    for name, read in _READERS.items():
        with problems.caught():
            fields[name] = read(record, masks, where)
    with problems.caught():
        _check_annotated(masks, video, where)
    if len(fields) < len(_READERS):
        return None
    return Instance(
        id=record["id"],
        video_id=video.id,
        category_id=record["category_id"],
        segmentations=masks,
        **fields,
    )


def _check_annotated(masks: Segmentations, video: Video, where: str) -> None:
    """Raises InputError if there is a mask in a frame that was not annotated."""
    if video.annotated_frames is None:
        return
    known = set(video.annotated_frames)
    for frame, entry in enumerate(masks.entries):
        if entry is not None and frame not in known:
            raise InputError(
                f"{where}: segmentations, frame {frame}: a mask, but annotated_frames of video "
                f"{video.id} lacks this frame"
            )


def _iscrowd(record: dict, masks: Segmentations, where: str) -> bool:
    return crowd_flag(record.get("iscrowd"), where)


def _boxes(record: dict, masks: Segmentations, where: str) -> np.ndarray:
    """The file's boxes, or those around the masks if it has none."""
    if record.get("bboxes") is None:
        return masks.boxes()
    values = list_of(record, "bboxes", where, len(masks))
    return number_per_frame(values, 4, f"{where}: bboxes")


def _areas(record: dict, masks: Segmentations, where: str) -> np.ndarray:
    """The file's areas, or those of the masks if it has none."""
    if record.get("areas") is None:
        return masks.areas().astype(np.float64)
    values = list_of(record, "areas", where, len(masks))
    areas = number_per_frame(values, 0, f"{where}: areas")
    for frame, value in enumerate(values):
        if value is not None and not 0 <= areas[frame] < np.inf:
            raise InputError(
                f"{where}: areas, frame {frame}: expected pixels from 0 on, is {shown(value)}"
            )
    return np.nan_to_num(areas)


def _occlusion(record: dict, masks: Segmentations, where: str) -> tuple[str | None, ...] | None:
    if record.get("occlusion") is None:
        return None
    labels = list_of(record, "occlusion", where, len(masks))
    for frame, label in enumerate(labels):
        if label is not None and label not in OCCLUSION_LEVELS:
            raise InputError(
                f"{where}: occlusion, frame {frame}: expected one of "
                f"{', '.join(OCCLUSION_LEVELS)} or null, is {shown(label)}"
            )
    return tuple(labels)


_READERS = {"iscrowd": _iscrowd, "boxes": _boxes, "areas": _areas, "occlusion": _occlusion}
"""Fields of `Instance` that follow from a record and its masks."""
