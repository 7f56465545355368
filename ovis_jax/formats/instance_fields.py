"""Checks what an annotation file says of objects."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ovis_jax.formats.annotation_fields import check_unique
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS, Category, Instance, Video
from ovis_jax.formats.crowd_fields import crowd_flag
from ovis_jax.formats.errors import InputError
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
    videos: Sequence[Video],
    categories: Sequence[Category],
    path: str,
) -> tuple[Instance, ...]:
    """The objects, in order.

    Args:
      records: what `compact_annotation` gave.
      videos: of the same file; likewise `categories`.
      categories: see `videos`.
      path: of the file, for messages.

    Raises:
      InputError: a field is missing or makes no sense; names file, entry, field and frame.
    """
    video_by_id = {video.id: video for video in videos}
    known = {category.id for category in categories}
    heads = [
        _head(record, f"{path}: annotations[{number}]", video_by_id, known)
        for number, record in enumerate(records)
    ]
    check_unique([record["id"] for record in records], "annotations", path)
    sizes = [(video.height, video.width) for _, video in heads]
    masks = check_segmentations(
        (
            (where, size, record["masks"])
            for (where, _), size, record in zip(heads, sizes, records, strict=True)
        ),
        polygons=True,
    )
    return tuple(
        _instance(record, video, own, where)
        for (where, video), record, own in zip(heads, records, masks, strict=True)
    )


def _head(
    record: object, where: str, videos: dict[int, Video], categories: set[int]
) -> tuple[str, Video]:
    """Checks ids and the number of masks; names the entry and finds its video."""
    record = as_record(record, where)
    instance_id = required(record, "id", where)
    if type(instance_id) not in (int, float, str):
        raise InputError(f"{where}: id: expected a number or string, is {shown(instance_id)}")
    where = f"{where} (id {shown(instance_id)})"
    for field, known in (("video_id", videos), ("category_id", categories)):
        record[field] = whole_number(record, field, where)
        if record[field] not in known:
            raise InputError(f"{where}: {field}: {record[field]} is not in the file")
    video = videos[record["video_id"]]
    if "masks" not in record:
        list_of(record, "segmentations", where)  # raises
    list_of({"segmentations": record["masks"][1]}, "segmentations", where, video.length)
    return where, video


def _instance(record: dict, video: Video, masks: Segmentations, where: str) -> Instance:
    return Instance(
        id=record["id"],
        video_id=video.id,
        category_id=record["category_id"],
        iscrowd=crowd_flag(record.get("iscrowd"), where),
        segmentations=masks,
        boxes=_boxes(record, masks, where),
        areas=_areas(record, masks, where),
        occlusion=_occlusion(record, len(masks), where),
    )


def _boxes(record: dict, masks: Segmentations, where: str) -> np.ndarray:
    """The file's boxes, or those around the masks if it has none."""
    if "bboxes" not in record:
        return masks.boxes()
    values = list_of(record, "bboxes", where, len(masks))
    return number_per_frame(values, 4, f"{where}: bboxes")


def _areas(record: dict, masks: Segmentations, where: str) -> np.ndarray:
    """The file's areas, or those of the masks if it has none."""
    if "areas" not in record:
        return masks.areas().astype(np.float64)
    values = list_of(record, "areas", where, len(masks))
    areas = number_per_frame(values, 0, f"{where}: areas")
    for frame, value in enumerate(values):
        if value is not None and not 0 <= areas[frame] < np.inf:
            raise InputError(
                f"{where}: areas, frame {frame}: expected pixels from 0 on, is {shown(value)}"
            )
    return np.nan_to_num(areas)


def _occlusion(record: dict, length: int, where: str) -> tuple[str | None, ...] | None:
    if "occlusion" not in record or record["occlusion"] is None:
        return None
    labels = list_of(record, "occlusion", where, length)
    for frame, label in enumerate(labels):
        if label is not None and label not in OCCLUSION_LEVELS:
            raise InputError(
                f"{where}: occlusion, frame {frame}: expected one of "
                f"{', '.join(OCCLUSION_LEVELS)} or null, is {shown(label)}"
            )
    return tuple(labels)
