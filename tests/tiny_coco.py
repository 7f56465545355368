"""Writes a tiny data set in COCO format: coloured rectangles on grey images."""

import json
import pathlib

import cv2
import numpy as np
from ml_collections import ConfigDict
from tiny_ovis import write_tiny_ovis

CATEGORIES = [
    {"id": 1, "name": "crimson"},
    {"id": 5, "name": "green"},
    {"id": 9, "name": "thing of no use"},
]
COLOURS = {1: (230, 20, 20), 5: (20, 220, 20), 9: (20, 20, 240)}
NAMES = (("crimson", "red"), ("green", "green"))
GREY = 90
SIZES = ((160, 100), (100, 160), (200, 120), (150, 110))  # (width, height)


def write_tiny_coco(folder: pathlib.Path) -> tuple[pathlib.Path, pathlib.Path]:
    """Writes `coco.json` and PNG images; returns the file and the folder of the images.

    Every image shows a crimson and a larger green object, a blue one of a category that the videos
    do not have, and a crimson crowd. The fifth image shows the blue one alone.
    """
    images, annotations = [], []
    for number, (width, height) in enumerate([*SIZES, SIZES[0]], start=1):
        image = np.full((height, width, 3), GREY, np.uint8)
        w, h = width // 4, height // 3
        boxes = {9: (width // 2 + 4, 6, w // 2, h // 2)}
        if number <= len(SIZES):
            boxes |= {1: (8, 10, w, h), 5: (width // 2, height // 2, w, h + 6)}
        for category, (x, y, w, h) in boxes.items():
            image[y : y + h, x : x + w] = COLOURS[category]
            outline = [x, y, x + w, y, x + w, y + h, x, y + h]
            shape = dict(segmentation=[outline], iscrowd=0, area=w * h, bbox=[x, y, w, h])
            annotations.append(dict(image_id=number, category_id=category, **shape))
        crowd = dict(size=[height, width], counts=[0, 9, height * width - 9])
        shape = dict(segmentation=crowd, iscrowd=1, area=9, bbox=[0, 0, 1, 9])
        annotations.append(dict(image_id=number, category_id=1, **shape))
        name = f"{number:012d}.png"
        images.append(dict(id=number, file_name=name, width=width, height=height))
        (folder / "images").mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(folder / "images" / name), image[..., ::-1])
    annotations = [dict(id=i, **a) for i, a in enumerate(annotations, start=1)]
    document = dict(images=images, annotations=annotations, categories=CATEGORIES)
    path = folder / "coco.json"
    path.write_text(json.dumps(document))
    return path, folder / "images"


def mixed_config(folder: pathlib.Path, image_share: float) -> ConfigDict:
    """A `config.data` of the videos of `tiny_ovis` and of these images."""
    data = write_tiny_ovis(folder / "videos")
    annotations, images = write_tiny_coco(folder / "images")
    data.image_share = image_share
    data.pseudo_video.annotations, data.pseudo_video.images = str(annotations), str(images)
    data.pseudo_video.categories = NAMES
    return data
