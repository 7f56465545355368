"""Writes a tiny data set in OVIS format: rectangles that move over a gradient."""

import json
import pathlib

import cv2
import numpy as np
from ml_collections import ConfigDict
from pycocotools import mask as coco

from configs.parts.data import data as data_settings

CATEGORIES = [{"id": 7, "name": "green"}, {"id": 3, "name": "red"}]  # not in the order of their ids
COLOURS = {3: (230, 20, 20), 7: (20, 220, 20)}
SIZES = ((64, 40), (40, 64), (80, 50))  # (width, height) of the videos


def write_tiny_ovis(folder: pathlib.Path, *, frames: int = 6) -> ConfigDict:
    """Writes `annotations.json` and JPEG frames; returns a `config.data` that reads them.

    Every video has a red object in all frames and a green one in all but frame 1; no object at all
    is annotated in the last frame.
    """
    videos, annotations = [], []
    for video_id, (width, height) in enumerate(SIZES, start=1):
        names = [f"clip{video_id}/{t:05d}.jpg" for t in range(frames)]
        images = [_background(width, height) for _ in names]
        for category, seed in ((3, 0), (7, 1)):
            boxes = [_box(t, seed, width, height) for t in range(frames)]
            for image, box in zip(images, boxes, strict=True):
                _paint(image, box, COLOURS[category])
            boxes = [None if _hidden(t, seed, frames) else box for t, box in enumerate(boxes)]
            annotations.append(_annotation(len(annotations) + 1, video_id, category, boxes, images))
        for name, image in zip(names, images, strict=True):
            path = folder / "frames" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), image[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 100])
        videos.append(
            dict(id=video_id, width=width, height=height, length=frames, file_names=names)
        )
    path = folder / "annotations.json"
    path.write_text(json.dumps(dict(videos=videos, annotations=annotations, categories=CATEGORIES)))
    return tiny_config(path, folder / "frames")


def tiny_config(annotations: pathlib.Path, images: pathlib.Path) -> ConfigDict:
    """The shared defaults, at 48x32 pixels."""
    data = data_settings()
    data.train_annotations = data.eval_annotations = str(annotations)
    data.train_images = data.eval_images = str(images)
    data.image_scale = (48, 32)
    data.pad_multiple = 16
    return data


def _background(width: int, height: int) -> np.ndarray:
    ramp = np.linspace(40, 120, width)[None, :, None] + np.linspace(0, 60, height)[:, None, None]
    return np.broadcast_to(ramp, (height, width, 3)).astype(np.uint8)


def _box(frame: int, seed: int, width: int, height: int) -> tuple[int, int, int, int]:
    """The two objects never touch: red in the upper half, green in the lower."""
    x = 2 + 3 * frame if seed == 0 else width - 20 - 3 * frame
    y = 2 if seed == 0 else height // 2 + 2
    return x, y, 16, height // 2 - 4


def _hidden(frame: int, seed: int, frames: int) -> bool:
    return frame == frames - 1 or (seed == 1 and frame == 1)


def _paint(image: np.ndarray, box: tuple, colour: tuple) -> None:
    x, y, w, h = box
    image[y : y + h, x : x + w] = colour


def _annotation(number: int, video_id: int, category: int, boxes: list, images: list) -> dict:
    height, width = images[0].shape[:2]
    segmentations, areas = [], []
    for box in boxes:
        mask = np.zeros((height, width), np.uint8, order="F")
        if box is not None:
            x, y, w, h = box
            mask[y : y + h, x : x + w] = 1
        rle = coco.encode(mask)
        rle["counts"] = rle["counts"].decode()
        segmentations.append(None if box is None else rle)
        areas.append(None if box is None else int(mask.sum()))
    return dict(
        id=number,
        video_id=video_id,
        category_id=category,
        iscrowd=0,
        height=height,
        width=width,
        length=len(boxes),
        segmentations=segmentations,
        bboxes=[box if box is None else list(map(float, box)) for box in boxes],
        areas=areas,
    )
