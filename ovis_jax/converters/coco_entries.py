"""The entries of a COCO-style file: which object they are of, and in which frame.

The number of an object is `track_id` or `instance_id`, at the top or under `attributes`, where CVAT
and datumaro put it.
"""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence

from ovis_jax.converters.coco_frames import CocoFrames
from ovis_jax.converters.sources import Sources
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import as_record, identifier, list_of, required, shown

_TRACK_FIELDS = ("track_id", "instance_id")


@dataclasses.dataclass(frozen=True)
class CocoEntry:
    """What an object looks like in an image.

    Attributes:
      where: file and entry, for messages.
      record: the entry.
      video_id: of the image's video.
      frame: of the image in the video.
      field: that has the number of the object.
      track_id: that number; None if the object has none, so that it is in one frame.
    """

    where: str
    record: dict
    video_id: int
    frame: int
    field: str
    track_id: int | str | None


def coco_entries(
    parts: dict, frames: CocoFrames, sources: Sources, path: pathlib.Path
) -> list[CocoEntry]:
    """All entries, in order; the numbers of their objects are all numbers or all strings.

    Args:
      parts: of the file; `annotations` is used.
      frames: of its images.
      sources: is told of entries without the number of an object.
      path: of the file, for messages.

    Raises:
      InputError: a field is missing or makes no sense; names entry and field.
    """
    entries = []
    for number, record in enumerate(list_of(parts, "annotations", str(path))):
        where = f"{path}: annotations[{number}]"
        record = as_record(record, where)
        image_id = identifier(record, "image_id", where)
        if image_id not in frames.places:
            raise InputError(f"{where}: image_id: {shown(image_id)} is not in the file")
        required(record, "segmentation", where)
        entries.append(
            CocoEntry(where, record, *frames.places[image_id], *_track_number(record, where))
        )
    _check_track_numbers(entries, sources)
    return entries


def _check_track_numbers(entries: Sequence[CocoEntry], sources: Sources) -> None:
    """Raises InputError if no entry has one, or some are strings; notes entries without."""
    having = [entry for entry in entries if entry.track_id is not None]
    without = [entry for entry in entries if entry.track_id is None]
    if without and not having:
        raise InputError(
            f"{without[0].where}: track_id: missing, and there is no instance_id; expected the "
            "number of the object, here or under attributes"
        )
    for entry in having:
        if type(entry.track_id) is not type(having[0].track_id):
            raise InputError(
                f"{entry.where}: {entry.field}: numbers and strings, expected one of them"
            )
    if without:
        sources.note(
            f"{without[0].where}: the first of {len(without)} annotations (of {len(entries)}) "
            "without track_id, which are taken as objects of one frame each"
        )


def _track_number(record: dict, where: str) -> tuple[str, int | str | None]:
    """The field that has the number of the object, and the number; None if there is none."""
    attributes = record.get("attributes")
    inner = attributes if isinstance(attributes, dict) else {}
    for fields, place in ((record, where), (inner, f"{where}: attributes")):
        for field in _TRACK_FIELDS:
            if fields.get(field) is not None:
                return field, identifier(fields, field, place)
    return _TRACK_FIELDS[0], None
