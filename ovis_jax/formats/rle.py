"""Run-length masks: pycocotools behind one door.

A compressed mask is `{"size": [height, width], "counts": str}`, as the JSON files have it. Runs go
down the columns, zeros and ones in turn, beginning with zeros.

The C code trusts its input: a corrupt mask makes it loop for ever or end the process. Masks from
files therefore pass `check_rle` (or `ovis_jax.formats.rle_runs.read_runs`, for many at once) first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from pycocotools import mask as coco

from ovis_jax.formats.plain_values import Foreign, kind
from ovis_jax.formats.rle_runs import counts_problem, joined_runs

_MAX_LIST = 255  # mask.area of pycocotools 2.0.11 fails on longer lists
FAR = 1e5  # pixels; the C code allocates memory for every pixel of an outline


def encode(mask: np.ndarray) -> dict:
    """Compresses a mask [h, w] of bools or zeros and ones."""
    return _as_text(coco.encode(np.asfortranarray(mask, np.uint8)))


def decode(rle: dict) -> np.ndarray:
    """Expands a compressed mask to [h, w] uint8 of zeros and ones."""
    return coco.decode(rle)


def area(rles: Sequence[dict]) -> np.ndarray:
    """[N] int64, number of pixels of each compressed mask."""
    rles = list(rles)
    parts = [coco.area(rles[i : i + _MAX_LIST]) for i in range(0, len(rles), _MAX_LIST)]
    return np.concatenate([np.zeros(0, np.int64), *parts]).astype(np.int64)


def bounding_boxes(rles: Sequence[dict]) -> np.ndarray:
    """[N, 4] float64, (x, y, width, height) of each compressed mask; zeros if it is empty."""
    return np.array(coco.toBbox(list(rles)), np.float64).reshape(-1, 4)


def area_within(mask: dict, box: Sequence[float], margin: float) -> int:
    """Pixels of a compressed mask within a box (x, y, width, height), `margin` pixels wider."""
    height, width = mask["size"]
    limits = [width, height, width, height]
    x, y, w, h = (float(v) for v in box)
    wider = [x - margin, y - margin, x + w + margin, y + h + margin]
    x1, y1, x2, y2 = np.rint(np.clip(np.nan_to_num(wider), 0, limits)).tolist()
    if x2 <= x1 or y2 <= y1:
        return 0
    inside = coco.frPyObjects(np.array([[x1, y1, x2 - x1, y2 - y1]]), height, width)[0]
    return int(coco.area(coco.merge([mask, inside], True)))


def merge(rles: Sequence[dict], *, intersect: bool = False) -> dict:
    """Union, or intersection, of compressed masks of one size."""
    return _as_text(coco.merge(list(rles), intersect))


def iou(a: Sequence[dict], b: Sequence[dict]) -> np.ndarray:
    """[A, B] float64, intersection over union of compressed masks of one size; 0 for empty ones."""
    if not len(a) or not len(b):
        return np.zeros((len(a), len(b)))
    return np.asarray(coco.iou(list(a), list(b), [0] * len(b)), np.float64)


def from_uncompressed(rle: dict) -> dict:
    """Compresses a mask whose counts are a list of run lengths."""
    height, width = rle["size"]
    runs = joined_runs(rle["counts"])
    return _as_text(coco.frPyObjects({"size": [height, width], "counts": runs}, height, width))


def from_polygons(polygons: Sequence[Sequence[float]], height: int, width: int) -> dict:
    """The union of polygons, each a list x1, y1, x2, y2, … in pixels; no polygon, no pixel."""
    if not polygons:
        return from_uncompressed({"size": [height, width], "counts": [height * width]})
    return merge(coco.frPyObjects([[float(v) for v in p] for p in polygons], height, width))


def check_rle(rle: object, height: int, width: int) -> str | None:
    """What is wrong with a mask from a file, as a phrase, or None.

    Args:
      rle: should be a compressed or uncompressed mask.
      height: of the frame; likewise `width`.
      width: see `height`.
    """
    if not isinstance(rle, dict):
        return f"expected a run-length mask, is {kind(rle)}"
    for field in ("size", "counts"):
        if field not in rle:
            return f"run-length mask without {field}"
    if rle["size"] not in ([height, width], (height, width)):
        return f"size is {_short(rle['size'])}, expected [{height}, {width}] (height, width)"
    return counts_problem(rle["counts"], height * width)


def check_polygons(polygons: object) -> str | None:
    """What is wrong with a mask that is a list of polygons, as a phrase, or None."""
    if not isinstance(polygons, list):
        return f"expected a run-length mask, a list of polygons or null, is {kind(polygons)}"
    if polygons and all(type(v) in (int, float) for v in polygons):
        return "a list of numbers, expected a list of polygons, [[x1, y1, x2, y2, …], …]"
    for number, polygon in enumerate(polygons):
        if not isinstance(polygon, list) or len(polygon) < 6 or len(polygon) % 2:
            return f"polygon {number} is not a list of three or more x, y pairs"
        if not all(type(v) in (int, float) and abs(v) <= FAR for v in polygon):
            return f"polygon {number} has a coordinate that is not a number near the frame"
    return None


def _as_text(rle: dict) -> dict:
    return {"size": [int(v) for v in rle["size"]], "counts": rle["counts"].decode("ascii")}


def _short(value: object) -> str:
    text = value.text if isinstance(value, Foreign) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
