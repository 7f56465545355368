"""Ground truth and results of the size of a benchmark's, generated: what evaluators are timed on.

Ragged blobs drift over frames of 1920x1080. As in OVIS, the objects of a video are of one to three
categories. A predicted track follows an object at some distance, or nothing at all.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
from collections.abc import Sequence

import numpy as np
from pycocotools import mask as coco

from ovis_jax.formats import rle
from ovis_jax.formats.rle_runs import run_lengths

HEIGHT, WIDTH = 1080, 1920
_LEVELS = ("no_occlusion", "slight_occlusion", "severe_occlusion")
_FOLLOWING = 0.7  # share of tracks that follow an object
_VISIBLE = 0.75  # share of frames in which an object has a mask
_FOUND = 0.9  # of these, share in which a track that follows it has one
_STRAY = 0.2  # share of frames in which any other track has a mask


@dataclasses.dataclass(frozen=True)
class Outline:
    """A shape in the upper left corner of the frame.

    Attributes:
      first: length of its first run.
      middle: its other runs but the last, as they are written in `counts`.
      last: the number written for its last run.
      width: of its box in pixels; likewise `height`.
      height: see `width`.
      area: pixels.
    """

    first: int
    middle: str
    last: int
    width: int
    height: int
    area: int

    def at(self, x: int, y: int) -> dict:
        """The compressed mask of the shape moved to the right and down."""
        moved = x * HEIGHT + y
        counts = _number(self.first + moved) + self.middle + _number(self.last - moved)
        return {"size": [HEIGHT, WIDTH], "counts": counts}


def write_files(
    folder: pathlib.Path, *, videos: int, frames: int, tracks: int, categories: int = 25
) -> tuple[pathlib.Path, pathlib.Path]:
    """Writes gt.json and results.json with `tracks` tracks a video on average."""
    known = range(1, categories + 1)
    random = np.random.default_rng(0)
    outlines = [_outline(random) for _ in range(40)]
    annotations, results = [], []
    for video in range(1, videos + 1):
        own = random.integers(1, categories + 1, random.integers(1, 4)).tolist()
        truth = [
            _Path.random(random, outlines, frames, own, _VISIBLE)
            for _ in range(random.integers(3, 10))
        ]
        for path in truth:
            annotations.append(_annotation(len(annotations) + 1, video, path, random, frames))
        for _ in range(random.poisson(tracks)):
            path = _predicted(random, truth, outlines, known)
            results.append(_result(video, path, float(random.random())))
    gt = {
        "videos": [_video(number, frames) for number in range(1, videos + 1)],
        "categories": [{"id": k, "name": f"category {k}"} for k in known],
        "annotations": annotations,
    }
    paths = folder / "gt.json", folder / "results.json"
    for path, content in zip(paths, (gt, results), strict=True):
        path.write_text(json.dumps(content))
    return paths


@dataclasses.dataclass(frozen=True)
class _Path:
    """A shape, its corner in each frame, and the frames where it is seen."""

    outline: Outline
    corners: np.ndarray
    seen: np.ndarray
    category: int

    @classmethod
    def random(cls, random, outlines, frames: int, categories, visible: float) -> _Path:
        outline = outlines[random.integers(len(outlines))]
        ends = random.uniform(0, (WIDTH, HEIGHT), (2, 2))
        corners = np.linspace(*ends, frames) - (outline.width / 2, outline.height / 2)
        seen = random.random(frames) < visible
        return cls(outline, corners, seen, int(random.choice(categories)))

    def masks(self) -> list[dict | None]:
        """In each frame a mask or None."""
        high = (WIDTH - self.outline.width - 1, HEIGHT - self.outline.height - 1)
        corners = np.clip(np.rint(self.corners), 0, high).astype(int).tolist()
        return [
            self.outline.at(*corner) if shown else None
            for shown, corner in zip(self.seen, corners, strict=True)
        ]


def _predicted(random, truth: list[_Path], outlines: Sequence[Outline], categories) -> _Path:
    frames = len(truth[0].seen)
    stray = _Path.random(random, outlines, frames, categories, _STRAY)
    if random.random() > _FOLLOWING:
        return stray
    path = truth[random.integers(len(truth))]
    distance = random.normal(0, random.uniform(1, 60), path.corners.shape)
    seen = path.seen & (random.random(frames) < _FOUND)
    category = path.category if random.random() < 0.8 else stray.category
    return _Path(path.outline, path.corners + distance, seen, category)


def _annotation(number: int, video: int, path: _Path, random, frames: int) -> dict:
    masks, box = path.masks(), [0, 0, path.outline.width, path.outline.height]
    levels = random.choice(_LEVELS, frames, p=random.dirichlet((0.6, 0.5, 0.4)))
    return {
        "id": number,
        "video_id": video,
        "category_id": path.category,
        "iscrowd": 0,
        "segmentations": masks,
        "bboxes": [None if mask is None else box for mask in masks],
        "areas": [None if mask is None else path.outline.area for mask in masks],
        "occlusion": [
            None if mask is None else str(level) for mask, level in zip(masks, levels, strict=True)
        ],
    }


def _result(video: int, path: _Path, score: float) -> dict:
    return {
        "video_id": video,
        "score": score,
        "category_id": path.category,
        "segmentations": path.masks(),
    }


def _video(number: int, frames: int) -> dict:
    names = [f"{number:08d}/img_{frame:07d}.jpg" for frame in range(frames)]
    size = {"width": WIDTH, "height": HEIGHT, "length": frames}
    return {"id": number, **size, "file_names": names}


def _outline(random: np.random.Generator) -> Outline:
    radius = random.uniform(80, 260)
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32) - 1.4 * radius
    angle = np.arctan2(y, x)
    waves = sum(np.sin(k * angle + random.uniform(0, 7)) / k for k in (2, 3, 5, 11))
    mask = np.hypot(x, y) < radius * (1 + 0.15 * waves)
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    mask = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    framed = np.zeros((HEIGHT, WIDTH), bool)
    framed[: mask.shape[0], : mask.shape[1]] = mask
    compressed = rle.encode(framed)
    runs = run_lengths(compressed["counts"]).tolist()
    first, last = runs[0], runs[-1] - runs[-3]
    middle = compressed["counts"][len(_number(first)) : -len(_number(last))]
    area = int(coco.area([compressed])[0])
    return Outline(first, middle, last, mask.shape[1], mask.shape[0], area)


def _number(value: int) -> str:
    """A number as it is written in `counts`."""
    text = ""
    while True:
        low, value = value & 31, value >> 5
        if value == (-1 if low & 16 else 0):
            return text + chr(48 + low)
        text += chr(48 + low + 32)
