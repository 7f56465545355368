"""COCO-style JSON with tracks: frames are images of a video, objects have one entry a frame.

    images: id, file_name, width, height, video_id, frame_id
    annotations: id, image_id, category_id, track_id, segmentation, bbox, area, iscrowd, occlusion

`videos` (id, name) may be there. The number of an object may be called `instance_id`, and stand
under `attributes`, where CVAT and datumaro put it; see `coco_frames` for what may stand for
`video_id` and `frame_id`. The level `occlusion` is an addition of this repository, `score` one of
results.
"""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterator

from ovis_jax.converters.clips import Sources, video_names
from ovis_jax.converters.coco_frames import CocoFrames, coco_frames
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.crowd_fields import check_same_crowd, crowd_flag
from ovis_jax.formats.documents import from_document
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import as_record, list_of, required, whole_number
from ovis_jax.formats.json_stream import open_json

_PARTS = ("images", "annotations", "categories")
_TRACK_FIELDS = ("track_id", "instance_id")
_PER_FRAME = {  # ours, and what COCO calls it
    "segmentations": "segmentation",
    "bboxes": "bbox",
    "areas": "area",
    "occlusion": "occlusion",
}


def read(path: pathlib.Path, sources: Sources) -> Annotations:
    """Reads a file; ids of videos and categories, and their number, stay.

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
    return from_document(document, str(path))


def write(path: pathlib.Path, annotations: Annotations) -> list[str]:
    """Writes a file; nothing is lost."""
    image_ids = number_images(annotations)
    named = zip(annotations.videos, video_names(annotations.videos), strict=True)
    entries = [entry for track in track_entries(annotations, image_ids) for entry in track]
    document = {
        "videos": [{"id": video.id, "name": name} for video, name in named],
        "images": [
            {
                "id": image_ids[video.id, frame],
                "file_name": name,
                "width": video.width,
                "height": video.height,
                "video_id": video.id,
                "frame_id": frame,
            }
            for video in annotations.videos
            for frame, name in enumerate(video.file_names)
        ],
        "categories": [{"id": c.id, "name": c.name} for c in annotations.categories],
        "annotations": entries if annotations.has_ground_truth else None,
    }
    write_json(path, document)
    return []


def write_results(path: pathlib.Path, annotations: Annotations) -> list[str]:
    """Writes the list that COCO and TAO call results, for the images of a file that `write` wrote.

    Entries also have `track_id` and `video_id`.

    Raises:
      InputError: an object has no score.
    """
    entries = []
    image_ids = number_images(annotations)
    tracks = track_entries(annotations, image_ids)
    for instance, track in zip(annotations.instances, tracks, strict=True):
        if instance.score is None:
            raise InputError(
                f"{annotations.path}: annotations (id {instance.id}): no score, expected results"
            )
        for entry in track:
            del entry["id"], entry["area"], entry["iscrowd"], entry["attributes"]
            entries.append(entry | {"video_id": instance.video_id})
    write_json(path, entries)
    return []


def number_images(annotations: Annotations) -> dict[tuple[int, int], int]:
    """The id of every image, from 1, by id of the video and number of the frame."""
    places = [(v.id, frame) for v in annotations.videos for frame in range(v.length)]
    return {place: number for number, place in enumerate(places, start=1)}


def track_entries(
    annotations: Annotations, image_ids: dict[tuple[int, int], int]
) -> Iterator[list[dict]]:
    """The entries of each object, one for each frame that shows it."""
    ids = itertools.count(1)
    for track_id, instance in enumerate(annotations.instances, start=1):
        entries = []
        for frame in range(len(instance.segmentations)):
            mask = instance.rle(frame)
            if mask is None:
                continue
            entry = {
                "id": next(ids),
                "image_id": image_ids[instance.video_id, frame],
                "category_id": instance.category_id,
                "track_id": track_id,
                "segmentation": mask,
                "bbox": instance.boxes[frame].tolist(),
                "area": float(instance.areas[frame]),
                "iscrowd": int(instance.iscrowd),
                "attributes": {"track_id": track_id},  # where CVAT and datumaro look for it
            }
            if instance.occlusion is not None and instance.occlusion[frame] is not None:
                entry["occlusion"] = instance.occlusion[frame]
            if instance.score is not None:
                entry["score"] = instance.score
            entries.append(entry)
        yield entries


def _tracks(
    parts: dict, frames: CocoFrames, sources: Sources, path: pathlib.Path
) -> list[dict] | None:
    """One record for each track, in the order of their first entries."""
    if parts.get("annotations", 0) is None:
        return None
    lengths = {video["id"]: video["length"] for video in frames.videos}
    tracks: dict[tuple, dict] = {}
    for number, entry in enumerate(list_of(parts, "annotations", str(path))):
        where = f"{path}: annotations[{number}]"
        entry = as_record(entry, where)
        image_id = whole_number(entry, "image_id", where)
        if image_id not in frames.places:
            raise InputError(f"{where}: image_id: {image_id} is not in the file")
        video_id, frame = frames.places[image_id]
        field, track_id = _track_number(entry, where)
        key = (video_id, track_id)
        if key not in tracks:
            tracks[key] = _new_track(entry, lengths[video_id], where) | {"video_id": video_id}
        track = tracks[key]
        _check_same(track, entry, sources, where)
        if track["segmentations"][frame] is not None:
            raise InputError(f"{where}: {field}: {track_id} is twice in image {image_id}")
        _fill(track, frame, entry, where)
    return [_numbered(track, number) for number, track in enumerate(tracks.values(), start=1)]


def _track_number(entry: dict, where: str) -> tuple[str, int]:
    """The field that has the number of the object, and the number."""
    attributes = entry.get("attributes")
    inner = attributes if isinstance(attributes, dict) else {}
    for record, place in ((entry, where), (inner, f"{where}: attributes")):
        for field in _TRACK_FIELDS:
            if field in record:
                return field, whole_number(record, field, place)
    raise InputError(
        f"{where}: track_id: missing, and there is no instance_id; expected the number of the "
        "object, here or under attributes"
    )


def _new_track(entry: dict, length: int, where: str) -> dict:
    return {
        "category_id": whole_number(entry, "category_id", where),
        "iscrowd": int(crowd_flag(entry.get("iscrowd"), where)),
        **{field: [None] * length for field in _PER_FRAME},
    }


def _check_same(track: dict, entry: dict, sources: Sources, where: str) -> None:
    """Raises InputError unless an entry agrees with its track on what is said of the object."""
    category_id = whole_number(entry, "category_id", where)
    if track["category_id"] != category_id:
        raise InputError(
            f"{where}: category_id: {category_id}, elsewhere in the track {track['category_id']}"
        )
    if not sources.crowds_are_objects:
        check_same_crowd(track["iscrowd"], entry.get("iscrowd"), where, "--crowds-are-objects")


def _fill(track: dict, frame: int, entry: dict, where: str) -> None:
    """Puts what an entry says into the lists of its track."""
    required(entry, "segmentation", where)
    for ours, theirs in _PER_FRAME.items():
        track[ours][frame] = entry.get(theirs)
    attributes = entry.get("attributes")
    level = attributes.get("occlusion") if isinstance(attributes, dict) else None
    if "occlusion" not in entry and level in OCCLUSION_LEVELS:
        track["occlusion"][frame] = level


def _numbered(track: dict, number: int) -> dict:
    """A track with an id, and without lists in which something is missing."""
    masks = track["segmentations"]
    for field in ("bboxes", "areas", "occlusion"):
        pairs = zip(masks, track[field], strict=True)
        if not all(mask is None or value is not None for mask, value in pairs):
            del track[field]
    return {"id": number, **track}
