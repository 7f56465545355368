"""Shapes of CVAT as masks; which of them are none.

Polygons, masks and ellipses cover pixels. Boxes do not say which pixels in them are the object's;
points, lines, cuboids, skeletons and tags cover none.
"""

from __future__ import annotations

import collections
import math
from collections.abc import Iterable, Sequence
from xml.etree.ElementTree import Element

import numpy as np

from ovis_jax.converters.cvat_fields import number_field, text_field, whole_field
from ovis_jax.converters.cvat_tracks import Track
from ovis_jax.formats import rle
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import shown

USABLE = ("polygon", "mask", "ellipse")
_MAX_PIXELS = 1 << 26  # of the rectangle around a mask; twice a frame of 8K
_FLAT = 0.05  # pixels between an ellipse and its polygon


def unusable(tracks: Iterable[Track]) -> tuple[str, str] | None:
    """Where the first visible shape is that is no mask, and how many of each kind there are."""
    shapes = [
        (track, entry)
        for track in tracks
        for entry in track.entries
        if entry.visible and entry.shape.tag not in USABLE
    ]
    if not shapes:
        return None
    counts = collections.Counter(entry.shape.tag[:40] for _, entry in shapes)
    kinds = ", ".join(f"{kind}: {count}" for kind, count in counts.most_common())
    track, entry = shapes[0]
    counted = f"{len(shapes)} shapes that are no masks ({kinds})"
    return f"{track.where}, frame {entry.frame}", counted


def segmentation(shape: Element, height: int, width: int, where: str) -> dict | list:
    """A shape's mask in the form of OVIS.

    Args:
      shape: of a kind in `USABLE`.
      height: of the frame; likewise `width`.
      width: see `height`.
      where: names file, track and frame.

    Raises:
      InputError: a field is missing or makes no sense.
    """
    if shape.tag == "mask":
        return _mask(shape, height, width, where)
    values = _ellipse(shape, where) if shape.tag == "ellipse" else _points(shape, where)
    problem = rle.check_polygons([values])
    if problem:
        raise InputError(f"{where}: points: {problem}")
    return [values]


def joined_segmentations(parts: Sequence[dict | list], height: int, width: int) -> dict | list:
    """The union of parts of one object in one frame."""
    if len(parts) == 1:
        return parts[0]
    if all(isinstance(part, list) for part in parts):
        return [polygon for part in parts for polygon in part]
    return rle.merge(
        [p if isinstance(p, dict) else rle.from_polygons(p, height, width) for p in parts]
    )


def _points(shape: Element, where: str) -> list[float]:
    text = text_field(shape, "points", where)
    try:
        return [float(value) for point in text.split(";") for value in _pair(point)]
    except ValueError:
        raise InputError(f"{where}: points: expected x,y;x,y;…, is {shown(text)}") from None


def _pair(point: str) -> tuple[str, str]:
    x, y = point.split(",")
    return x, y


def _ellipse(shape: Element, where: str) -> list[float]:
    """An ellipse as a polygon, whose corners are on it."""
    x, y, x_radius, y_radius = (
        number_field(shape, name, where) for name in ("cx", "cy", "rx", "ry")
    )
    angle = number_field(shape, "rotation", where) if "rotation" in shape.keys() else 0.0
    for name, radius in (("rx", x_radius), ("ry", y_radius)):
        if not 0 < radius <= rle.FAR:
            raise InputError(f"{where}: {name}: expected a positive number of pixels")
    num_corners = max(16, math.ceil(math.pi * math.sqrt(max(x_radius, y_radius) / (2 * _FLAT))))
    turns = np.arange(num_corners) * (2 * math.pi / num_corners)
    along = np.stack([x_radius * np.cos(turns), y_radius * np.sin(turns)])
    cos, sin = math.cos(math.radians(angle)), math.sin(math.radians(angle))
    corners = np.array([[cos, -sin], [sin, cos]]) @ along + [[x], [y]]
    return corners.T.ravel().tolist()


def _mask(shape: Element, height: int, width: int, where: str) -> dict:
    """Run lengths row by row within a rectangle, zeros first."""
    left, top, columns, rows = (
        whole_field(shape, field, where) for field in ("left", "top", "width", "height")
    )
    text = text_field(shape, "rle", where)
    try:
        runs = [int(run) for run in text.split(",")]
    except ValueError:
        raise InputError(f"{where}: rle: expected whole numbers, is {shown(text)}") from None
    inside = 0 <= left < left + columns <= width and 0 <= top < top + rows <= height
    if not inside or min(runs) < 0 or sum(runs) != rows * columns:
        raise InputError(f"{where}: rle: does not fill the rectangle, or that is not in the frame")
    if rows * columns > _MAX_PIXELS:
        raise InputError(f"{where}: width, height: expected at most {_MAX_PIXELS} pixels")
    values = np.repeat(np.arange(len(runs)) % 2 == 1, runs).reshape(rows, columns)
    column, row = np.nonzero(values.T)
    return _from_pixels((left + column) * height + top + row, height, width)


def _from_pixels(pixels: np.ndarray, height: int, width: int) -> dict:
    """Compresses a mask given by numbers of its pixels, down the columns, in order."""
    starts = pixels[np.diff(pixels, prepend=-2) > 1]
    ends = pixels[np.diff(pixels, append=height * width + 1) > 1] + 1
    edges = np.stack([starts, ends], axis=1).ravel()
    counts = np.diff(edges, prepend=0, append=height * width).tolist()
    return rle.from_uncompressed({"size": [height, width], "counts": counts})
