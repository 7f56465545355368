"""COCO-style JSON with tracks: frames are images of a video, objects have one entry a frame.

    images: id, file_name, width, height, video_id, frame_id
    annotations: id, image_id, category_id, track_id, segmentation, bbox, area, iscrowd, occlusion

`videos` (id, name) may be there, `instance_id` stand for `track_id`, and frames be numbered from
any number on. The level `occlusion` is an addition of this repository.
"""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

from ovis_jax.converters.clips import Sources, video_names
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.documents import from_document
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import as_record, list_of, required, whole_number
from ovis_jax.formats.json_stream import open_json

_PARTS = ("images", "annotations", "categories")


def read(path: pathlib.Path, sources: Sources) -> Annotations:
    """Reads a file; ids of videos and categories, and their number, stay.

    Raises:
      InputError: something is missing or makes no sense; names file, entry and field.
    """
    parts = {}
    with open_json(path) as stream:
        for key in stream.members():
            if key in _PARTS:
                parts[key] = stream.value()
        stream.end()
    images = {}
    for number, image in enumerate(list_of(parts, "images", str(path))):
        where = f"{path}: images[{number}]"
        image = as_record(image, where)
        for field in ("id", "video_id", "frame_id"):
            whole_number(image, field, where)
        if image["id"] in images:
            raise InputError(f"{where}: id: {image['id']} is there twice")
        images[image["id"]] = image
    videos, places = _videos(images, path)
    document = {
        "videos": videos,
        "categories": parts.get("categories"),
        "annotations": _tracks(parts, images, places, {v["id"]: v for v in videos}, path),
    }
    return from_document(document, str(path))


def write(path: pathlib.Path, annotations: Annotations) -> list[str]:
    """Writes a file; nothing is lost."""
    images, entries, image_ids = [], [], {}
    for video in annotations.videos:
        for frame, name in enumerate(video.file_names):
            image_ids[video.id, frame] = len(images) + 1
            images.append(
                {
                    "id": len(images) + 1,
                    "file_name": name,
                    "width": video.width,
                    "height": video.height,
                    "video_id": video.id,
                    "frame_id": frame,
                }
            )
    for track_id, instance in enumerate(annotations.instances, start=1):
        for frame in range(len(instance.segmentations)):
            mask = instance.rle(frame)
            if mask is None:
                continue
            entry = {
                "id": len(entries) + 1,
                "image_id": image_ids[instance.video_id, frame],
                "category_id": instance.category_id,
                "track_id": track_id,
                "segmentation": mask,
                "bbox": instance.boxes[frame].tolist(),
                "area": float(instance.areas[frame]),
                "iscrowd": int(instance.iscrowd),
            }
            if instance.occlusion is not None and instance.occlusion[frame] is not None:
                entry["occlusion"] = instance.occlusion[frame]
            entries.append(entry)
    named = zip(annotations.videos, video_names(annotations.videos), strict=True)
    document = {
        "videos": [{"id": video.id, "name": name} for video, name in named],
        "images": images,
        "categories": [{"id": c.id, "name": c.name} for c in annotations.categories],
        "annotations": entries if annotations.has_ground_truth else None,
    }
    write_json(path, document)
    return []


def _videos(images: dict[int, dict], path: pathlib.Path) -> tuple[list[dict], dict]:
    """The videos in the order of their ids, and (video, frame) of every image."""
    by_video: dict[int, list[dict]] = {}
    for image in images.values():
        by_video.setdefault(image["video_id"], []).append(image)
    videos, places = [], {}
    for video_id, frames in sorted(by_video.items()):
        frames.sort(key=lambda image: image["frame_id"])
        first = frames[0]
        for place, image in enumerate(frames):
            where = f"{path}: images, id {image['id']}"
            if place and image["frame_id"] == frames[place - 1]["frame_id"]:
                raise InputError(f"{where}: frame_id: {image['frame_id']} is there twice")
            for side in ("width", "height"):
                if required(image, side, where) != required(first, side, where):
                    raise InputError(f"{where}: {side}: not that of the video's first frame")
            places[image["id"]] = (video_id, place)
        names = [required(image, "file_name", f"{path}: images") for image in frames]
        size = {side: first[side] for side in ("width", "height")}
        videos.append({"id": video_id, **size, "length": len(frames), "file_names": names})
    return videos, places


def _tracks(
    parts: dict, images: dict, places: dict, videos: dict[int, dict], path: pathlib.Path
) -> list[dict] | None:
    """One record for each track, in the order of their first entries."""
    if parts.get("annotations", 0) is None:
        return None
    tracks: dict[tuple, dict] = {}
    for number, entry in enumerate(list_of(parts, "annotations", str(path))):
        where = f"{path}: annotations[{number}]"
        entry = as_record(entry, where)
        image_id = whole_number(entry, "image_id", where)
        if image_id not in images:
            raise InputError(f"{where}: image_id: {image_id} is not in the file")
        video_id, frame = places[image_id]
        field = "track_id" if "track_id" in entry or "instance_id" not in entry else "instance_id"
        key = video_id, whole_number(entry, field, where)
        category_id = whole_number(entry, "category_id", where)
        track = tracks.setdefault(
            key, _new_track(video_id, category_id, entry, videos[video_id]["length"])
        )
        if track["category_id"] != category_id:
            raise InputError(f"{where}: category_id: {category_id}, elsewhere in the track another")
        if track["segmentations"][frame] is not None:
            raise InputError(f"{where}: {field}: {key[1]} is twice in image {image_id}")
        _fill(track, frame, entry, where)
    records = list(tracks.values())
    for number, record in enumerate(records, start=1):
        record["id"] = number
        for field in ("bboxes", "areas", "occlusion"):
            complete = [
                mask is None or value is not None
                for mask, value in zip(record["segmentations"], record[field], strict=True)
            ]
            if not all(complete):
                del record[field]
    return records


def _new_track(video_id: int, category_id: int, entry: dict, length: int) -> dict:
    fields: Sequence[str] = ("segmentations", "bboxes", "areas", "occlusion")
    return {
        "video_id": video_id,
        "category_id": category_id,
        "iscrowd": entry.get("iscrowd", 0),
        **{field: [None] * length for field in fields},
    }


def _fill(track: dict, frame: int, entry: dict, where: str) -> None:
    track["segmentations"][frame] = required(entry, "segmentation", where)
    for ours, theirs in (("bboxes", "bbox"), ("areas", "area"), ("occlusion", "occlusion")):
        track[ours][frame] = entry.get(theirs)
