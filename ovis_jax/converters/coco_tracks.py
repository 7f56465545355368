"""COCO-style JSON with tracks: frames are images of a video, objects have one entry a frame.

See `coco_writing` for the fields, `coco_entries` for where the number of an object may stand, and
`coco_frames` for what may stand for `video_id` and `frame_id`.
"""

from __future__ import annotations

import pathlib

from ovis_jax.converters.coco_entries import CocoEntry, coco_entries
from ovis_jax.converters.coco_frames import CocoFrames, coco_frames
from ovis_jax.converters.coco_masks import check_masks
from ovis_jax.converters.coco_writing import write, write_results
from ovis_jax.converters.sources import Sources
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.crowd_fields import check_same_crowd, crowd_flag
from ovis_jax.formats.documents import from_document
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import shown, whole_number
from ovis_jax.formats.json_stream import open_json

__all__ = ["read", "write", "write_results"]

_PARTS = ("images", "annotations", "categories")
_PER_FRAME = {  # ours, and what COCO calls it
    "segmentations": "segmentation",
    "bboxes": "bbox",
    "areas": "area",
    "occlusion": "occlusion",
}


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
    entries = coco_entries(parts, frames, sources, path)
    for entry in entries:
        alone = entry.where if entry.track_id is None else None
        key = (entry.video_id, entry.track_id, alone)
        if key not in tracks:
            tracks[key] = _new_track(entry, lengths[entry.video_id])
        _check_same(tracks[key], entry, sources)
        _fill(tracks[key], entry)
    if any("score" in entry.record for entry in entries):
        sources.note(f"{path}: annotations: scores are not read; they are taken as ground truth")
    check_masks([(entry.where, entry.record["segmentation"]) for entry in entries], sources)
    return [_numbered(track, number) for number, track in enumerate(tracks.values(), start=1)]


def _new_track(entry: CocoEntry, length: int) -> dict:
    return {
        "video_id": entry.video_id,
        "category_id": whole_number(entry.record, "category_id", entry.where),
        "iscrowd": int(crowd_flag(entry.record.get("iscrowd"), entry.where)),
        **{field: [None] * length for field in _PER_FRAME},
    }


def _check_same(track: dict, entry: CocoEntry, sources: Sources) -> None:
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


def _fill(track: dict, entry: CocoEntry) -> None:
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
