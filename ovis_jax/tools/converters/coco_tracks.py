"""COCO-style JSON with tracks: frames are images of a video, objects have one entry a frame.

See `coco_writing` for the fields. The number of an object may be called `instance_id`, be a text,
and stand under `attributes`, where CVAT and datumaro put it; see `coco_frames` for what may stand
for `video_id` and `frame_id`.
"""

from __future__ import annotations

import dataclasses
import pathlib

from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.crowd_fields import check_same_crowd, crowd_flag
from ovis_jax.formats.documents import from_document
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import (
    as_record,
    identifier,
    list_of,
    required,
    shown,
    whole_number,
)
from ovis_jax.formats.json_stream import open_json
from ovis_jax.tools.converters.coco_frames import CocoFrames, coco_frames
from ovis_jax.tools.converters.coco_masks import check_masks
from ovis_jax.tools.converters.coco_writing import write, write_results
from ovis_jax.tools.converters.sources import Sources

__all__ = ["read", "write", "write_results"]

_PARTS = ("images", "annotations", "categories")
_TRACK_FIELDS = ("track_id", "instance_id")
_PER_FRAME = {  # ours, and what COCO calls it
    "segmentations": "segmentation",
    "bboxes": "bbox",
    "areas": "area",
    "occlusion": "occlusion",
}


@dataclasses.dataclass(frozen=True)
class _Entry:
    """What an object looks like in an image.

    Attributes:
      where: file and entry, for messages.
      record: the entry.
      video_id: of the image's video.
      frame: of the image in the video.
      field: that has the number of the object.
      track_id: that number.
    """

    where: str
    record: dict
    video_id: int
    frame: int
    field: str
    track_id: int | str


def read(path: pathlib.Path, sources: Sources) -> Annotations:
    """Reads a file; ids of videos and categories stay, unless others are given.

    Raises:
      InputError: something is missing or makes no sense; names file, entry and field.
    """
    parts = {}
    with open_json(path) as stream:
        if stream.peek() != "{":
            raise InputError(f"{path}: expected an object with images, annotations, categories")
        for key in stream.members():
            if key in _PARTS:
                parts[key] = stream.value()
        stream.end()
    frames = coco_frames(parts, sources, path)
    document = {
        "videos": frames.videos,
        "categories": parts.get("categories"),
        "annotations": _tracks(parts, frames, sources, path),
    }
    return sources.in_categories(from_document(document, str(path)))


def _tracks(
    parts: dict, frames: CocoFrames, sources: Sources, path: pathlib.Path
) -> list[dict] | None:
    """One record for each track, in the order of their first entries."""
    if parts.get("annotations", 0) is None:
        return None
    lengths = {video["id"]: video["length"] for video in frames.videos}
    tracks: dict[tuple, dict] = {}
    entries = _entries(parts, frames, path)
    for entry in entries:
        key = (entry.video_id, entry.track_id)
        if key not in tracks:
            tracks[key] = _new_track(entry, lengths[entry.video_id])
        _check_same(tracks[key], entry, sources)
        _fill(tracks[key], entry)
    if any("score" in entry.record for entry in entries):
        sources.note(f"{path}: annotations: scores are not read; they are taken as ground truth")
    check_masks([(entry.where, entry.record["segmentation"]) for entry in entries], sources)
    return [_numbered(track, number) for number, track in enumerate(tracks.values(), start=1)]


def _entries(parts: dict, frames: CocoFrames, path: pathlib.Path) -> list[_Entry]:
    """All entries; the numbers of their objects are all numbers or all strings."""
    entries = []
    for number, record in enumerate(list_of(parts, "annotations", str(path))):
        where = f"{path}: annotations[{number}]"
        record = as_record(record, where)
        image_id = identifier(record, "image_id", where)
        if image_id not in frames.places:
            raise InputError(f"{where}: image_id: {shown(image_id)} is not in the file")
        required(record, "segmentation", where)
        entry = _Entry(where, record, *frames.places[image_id], *_track_number(record, where))
        if entries and type(entries[0].track_id) is not type(entry.track_id):
            raise InputError(f"{where}: {entry.field}: numbers and strings, expected one of them")
        entries.append(entry)
    return entries


def _track_number(entry: dict, where: str) -> tuple[str, int | str]:
    """The field that has the number of the object, and the number."""
    attributes = entry.get("attributes")
    inner = attributes if isinstance(attributes, dict) else {}
    for record, place in ((entry, where), (inner, f"{where}: attributes")):
        for field in _TRACK_FIELDS:
            if record.get(field) is not None:
                return field, identifier(record, field, place)
    raise InputError(
        f"{where}: track_id: missing, and there is no instance_id; expected the number of the "
        "object, here or under attributes"
    )


def _new_track(entry: _Entry, length: int) -> dict:
    return {
        "video_id": entry.video_id,
        "category_id": whole_number(entry.record, "category_id", entry.where),
        "iscrowd": int(crowd_flag(entry.record.get("iscrowd"), entry.where)),
        **{field: [None] * length for field in _PER_FRAME},
    }


def _check_same(track: dict, entry: _Entry, sources: Sources) -> None:
    """Raises InputError unless an entry agrees with its track on what is said of the object."""
    category_id = whole_number(entry.record, "category_id", entry.where)
    if track["category_id"] != category_id:
        raise InputError(
            f"{entry.where}: category_id: {category_id}, elsewhere in the track "
            f"{track['category_id']}"
        )
    if not sources.crowds_are_objects:
        flag = entry.record.get("iscrowd")
        check_same_crowd(track["iscrowd"], flag, entry.where, "--crowds-are-objects")
    if track["segmentations"][entry.frame] is not None:
        image_id = shown(entry.record["image_id"])
        raise InputError(
            f"{entry.where}: {entry.field}: {shown(entry.track_id)} is twice in image {image_id}"
        )


def _fill(track: dict, entry: _Entry) -> None:
    """Puts what an entry says into the lists of its track."""
    for ours, theirs in _PER_FRAME.items():
        track[ours][entry.frame] = entry.record.get(theirs)
    attributes = entry.record.get("attributes")
    level = attributes.get("occlusion") if isinstance(attributes, dict) else None
    if "occlusion" not in entry.record and level in OCCLUSION_LEVELS:
        track["occlusion"][entry.frame] = level


def _numbered(track: dict, number: int) -> dict:
    """A track with an id, and without lists in which something is missing."""
    masks = track["segmentations"]
    for field in ("bboxes", "areas", "occlusion"):
        pairs = zip(masks, track[field], strict=True)
        if not all(mask is None or value is not None for mask, value in pairs):
            del track[field]
    return {"id": number, **track}
