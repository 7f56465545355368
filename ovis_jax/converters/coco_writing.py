"""Writes COCO-style JSON with tracks, and the list that COCO and TAO call results.

    images: id, file_name, width, height, video_id, frame_id
    annotations: id, image_id, category_id, track_id, segmentation, bbox, area, iscrowd, occlusion

The level `occlusion` is an addition of this repository, `score` one of results.
"""

from __future__ import annotations

import itertools
import pathlib
from collections.abc import Iterator

from ovis_jax.converters.written_names import video_names
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.atomic import write_json
from ovis_jax.formats.errors import InputError


def write(path: pathlib.Path, annotations: Annotations) -> list[str]:
    """Writes a file; nothing is lost."""
    image_ids = _number_images(annotations)
    named = zip(annotations.videos, video_names(annotations.videos), strict=True)
    entries = [entry for track in _track_entries(annotations, image_ids) for entry in track]
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
    image_ids = _number_images(annotations)
    tracks = _track_entries(annotations, image_ids)
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


def _number_images(annotations: Annotations) -> dict[tuple[int, int], int]:
    """The id of every image, from 1, by id of the video and number of the frame."""
    places = [(v.id, frame) for v in annotations.videos for frame in range(v.length)]
    return {place: number for number, place in enumerate(places, start=1)}


def _track_entries(
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
