"""Annotation files of objects that are rectangles."""

import json

import numpy as np

from ovis_jax.formats import rle

WIDTH, HEIGHT = 24, 18
CATEGORIES = [{"id": 4, "name": "Dog"}, {"id": 2, "name": "Cat"}, {"id": 9, "name": "Boat"}]


def video(video_id: int, length: int) -> dict:
    names = [f"{video_id}/{frame}.jpg" for frame in range(length)]
    return dict(id=video_id, width=WIDTH, height=HEIGHT, length=length, file_names=names)


def track(instance_id: int, video_id: int, category_id: int, boxes: list, levels=None, **more):
    """An object with the given (x, y, width, height) or None in each frame.

    `levels` has a letter a frame: n(one), s(light), severe is "v", no label is "-".
    """
    words = dict(n="no_occlusion", s="slight_occlusion", v="severe_occlusion")
    record = dict(id=instance_id, video_id=video_id, category_id=category_id, iscrowd=0)
    record["segmentations"] = [None if box is None else _mask(box) for box in boxes]
    record["bboxes"] = [None if box is None else list(box) for box in boxes]
    record["areas"] = [None if box is None else box[2] * box[3] for box in boxes]
    if levels is not None:
        record["occlusion"] = [words.get(letter) for letter in levels]
    return record | more


def write(path, videos: list, annotations: list | None, **more):
    """Writes the file, in the order of the official ones; returns its path."""
    document = dict(info={"year": 2021}, licenses=[], videos=videos, categories=CATEGORIES)
    path.write_text(json.dumps(document | {"annotations": annotations} | more))
    return path


def _mask(box) -> dict:
    x, y, width, height = box
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[y : y + height, x : x + width] = 1
    return rle.encode(mask)
