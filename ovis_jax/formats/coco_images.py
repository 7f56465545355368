"""COCO instance annotations as videos of one frame each."""

from __future__ import annotations

import pathlib

from ovis_jax.formats.annotations import Annotations, checked_annotations
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.instance_fields import compact_annotation
from ovis_jax.formats.json_stream import open_json


def load_coco(path: pathlib.Path | str) -> Annotations:
    """Reads and checks an instance annotation file of COCO.

    Every image becomes a video of one frame with the same id, every annotation an object of it.
    Files of a test split, which have images only, give annotations without ground truth.

    Raises:
      InputError: the file is missing, malformed or contradicts itself; names entry and field.
    """
    path, parts = str(path), {}
    with open_json(path) as stream:
        if stream.peek() != "{":
            raise InputError(f"{path}: expected an object with images, categories, annotations")
        for key in stream.members():
            if key == "annotations" and stream.peek() == "[":
                parts[key] = [_as_track(record) for record in stream.elements()]
            elif key == "images" and stream.peek() == "[":
                parts["videos"] = [_as_video(record) for record in stream.elements()]
            elif key in ("categories", "annotations"):
                parts[key] = stream.value()
        stream.end()
    if "videos" not in parts:
        raise InputError(f"{path}: images: expected a list")
    try:
        return checked_annotations(parts, path)
    except InputError as error:  # which speaks of videos
        text = str(error).replace(f"{path}: videos", f"{path}: images")
        raise InputError(text.replace("video_id", "image_id")) from error


def _as_video(image: object) -> object:
    if not isinstance(image, dict):
        return image
    video = {field: image[field] for field in ("id", "width", "height") if field in image}
    return video | {"length": 1, "file_names": [image.get("file_name")]}


def _as_track(record: object) -> object:
    if not isinstance(record, dict):
        return record
    track = {field: record[field] for field in ("id", "category_id", "iscrowd") if field in record}
    renamed = {
        "image_id": "video_id",
        "segmentation": "segmentations",
        "bbox": "bboxes",
        "area": "areas",
    }
    for old, new in renamed.items():
        if record.get(old) is not None:
            track[new] = record[old] if new == "video_id" else [record[old]]
    return compact_annotation(track)
