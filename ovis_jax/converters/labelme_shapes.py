"""Shapes of labelme as masks: outlines filled as COCO's tools fill polygons, and mask shapes.

A mask shape is a PNG of the smallest rectangle around the mask, in base64; its points are the first
and the last pixel of the rectangle.
"""

from __future__ import annotations

import base64
import binascii
import math

import cv2
import numpy as np

from ovis_jax.converters.indexed_png import decode_numbers
from ovis_jax.formats import rle
from ovis_jax.formats.annotation_fields import MAX_SIZE
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import list_of, required, shown

NO_AREA = ("point", "points", "line", "linestrip")
_POLYGONS = ("polygon", "oriented_rectangle", "rotation", "quadrilateral")
_MOST_RIM_POINTS = 3000
_MOST_PIXELS = 1 << 30  # of an image with mask shapes; OpenCV has the same limit
_ROUNDING = 1e-6  # pixels
_RIM_GAP = 0.05  # pixels between a circle and the polygon that stands for it

Part = list[float] | dict  # a polygon x1, y1, x2, y2, …, or a compressed mask


def kind_of(shape: dict) -> object:
    """The type of a shape; files of old versions have polygons alone and do not say so."""
    kind = shape.get("shape_type")
    return "polygon" if kind is None else kind


def part_of(shape: dict, width: int, height: int, where: str) -> Part:
    """The area of a shape.

    Args:
      shape: as it stands in a file.
      width: of the image; likewise `height`.
      height: see `width`.
      where: names file and shape.

    Raises:
      InputError: it makes no sense or is no area.
    """
    kind = kind_of(shape)
    points = list_of(shape, "points", where)
    for point in points:
        if not isinstance(point, list) or len(point) != 2:
            raise InputError(f"{where}: points: expected a list of x, y pairs")
    if not all(type(v) in (int, float) and abs(v) <= MAX_SIZE for point in points for v in point):
        raise InputError(f"{where}: points: a coordinate is not a number near the frame")
    if kind == "mask":
        return _mask(shape, points, width, height, where)
    if kind in _POLYGONS:
        outline = points
    elif kind == "rectangle":
        outline = _rectangle(points, where)
    elif kind == "circle":
        outline = _circle(points, where)
    else:
        raise InputError(
            f"{where}: shape_type: expected polygon, rectangle, circle or mask, is {shown(kind)}"
        )
    polygon = [value for point in outline for value in point]
    problem = rle.check_polygons([polygon])
    if problem:
        raise InputError(f"{where}: points: {problem}")
    return polygon


def united(parts: list[Part], width: int, height: int) -> list | dict:
    """The parts of an object as one segmentation: polygons, or a mask where one of them is one."""
    masks = [part for part in parts if isinstance(part, dict)]
    polygons = [part for part in parts if isinstance(part, list)]
    if not masks:
        return polygons
    return rle.merge([*masks, rle.from_polygons(polygons, height, width)])


def mask_shape(mask: np.ndarray) -> dict | None:
    """Points, type and picture of the shape of a mask [h, w] of zeros and ones; None if empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not len(rows):
        return None
    (top, bottom), (left, right) = (rows[[0, -1]].tolist(), columns[[0, -1]].tolist())
    _, png = cv2.imencode(".png", mask[top : bottom + 1, left : right + 1].astype(np.uint8))
    return {
        "points": [[left, top], [right, bottom]],
        "shape_type": "mask",
        "mask": base64.b64encode(png.tobytes()).decode("ascii"),
    }


def _rectangle(points: list, where: str) -> list:
    """The corners in their order around it."""
    if len(points) != 4:
        _check_two(points, "rectangle", where)
    xs, ys = zip(*points, strict=True)
    left, top, right, bottom = min(xs), min(ys), max(xs), max(ys)
    corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
    upright = len(points) == 2 or all(corner in points for corner in corners)
    return corners if upright else points


def _circle(points: list, where: str) -> list:
    """A polygon for a circle, given by its centre and a point of its rim."""
    _check_two(points, "circle", where)
    (x, y), rim = points
    radius = math.dist((x, y), rim)
    steps = math.pi / math.acos(1 - _RIM_GAP / radius) if radius > 1 else 12
    angles = np.linspace(0, 2 * math.pi, min(max(math.ceil(steps), 12), _MOST_RIM_POINTS), False)
    return np.stack([x + radius * np.cos(angles), y + radius * np.sin(angles)], axis=1).tolist()


def _check_two(points: list, kind: str, where: str) -> None:
    if len(points) != 2:
        raise InputError(
            f"{where}: shape_type: expected two points of a shape {kind!r}, there are {len(points)}"
        )


def _mask(shape: dict, points: list, width: int, height: int, where: str) -> dict:
    """The mask of a mask shape; what lies beyond the image is cut off."""
    _check_two(points, "mask", where)
    text = required(shape, "mask", where)
    if not isinstance(text, str):
        raise InputError(f"{where}: mask: expected a PNG file in base64, is {shown(text)}")
    (left, top), (right, bottom) = points
    # Masks that were moved have corners between pixels.
    size = round(right - left) + 1, round(bottom - top) + 1
    if min(size) < 1:
        raise InputError(f"{where}: points: expected the upper left corner before the lower right")
    if width * height > _MOST_PIXELS:
        raise InputError(f"{where}: mask: an image of {width}x{height} pixels is too large for one")
    try:
        content = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise InputError(f"{where}: mask: not base64") from None
    picture = decode_numbers(content, f"{where}: mask", size) != 0
    left, top = math.floor(left + _ROUNDING), math.floor(top + _ROUNDING)
    whole = np.zeros((height, width), bool)
    inside = picture[max(-top, 0) : max(height - top, 0), max(-left, 0) : max(width - left, 0)]
    top, left = max(top, 0), max(left, 0)
    whole[top : top + inside.shape[0], left : left + inside.shape[1]] = inside
    return rle.encode(whole)
