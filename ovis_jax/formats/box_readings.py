"""Compares boxes with the boxes around masks, also as if their numbers meant something else.

Every box here is a row (x, y, width, height) in pixels of the frame.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

TOLERANCE = 2.0  # pixels; boxes are rounded, or drawn around polygons before these became pixels
_SHARE = 0.05  # of a side, if that is more: boxes may have been drawn at another size

Reading = Callable[[np.ndarray, np.ndarray], np.ndarray]


def fits(boxes: np.ndarray, mask_boxes: np.ndarray) -> np.ndarray:
    """[N] bool: all four sides of a box are close to those of its mask; both [N, 4]."""
    sides = np.abs(_corners(boxes) - _corners(mask_boxes))
    allowed = np.maximum(TOLERANCE, _SHARE * np.tile(mask_boxes[:, 2:], 2))
    return (sides <= allowed).all(-1)


def covered(boxes: np.ndarray, mask_boxes: np.ndarray) -> np.ndarray:
    """[N] share of the box around each mask that its box, a tolerance wider, covers."""
    low = np.maximum(boxes[:, :2] - TOLERANCE, mask_boxes[:, :2])
    high = np.minimum(_corners(boxes)[:, 2:] + TOLERANCE, _corners(mask_boxes)[:, 2:])
    return np.clip(high - low, 0, None).prod(-1) / np.maximum(mask_boxes[:, 2:].prod(-1), 1)


def overlaps(boxes: np.ndarray, mask_boxes: np.ndarray) -> np.ndarray:
    """[N] intersection over union of each box and the one around its mask; both [N, 4]."""
    a, b = _corners(boxes), _corners(mask_boxes)
    sides = np.clip(np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2]), 0, None)
    shared = sides.prod(-1)
    union = np.clip(boxes[:, 2:], 0, None).prod(-1) + mask_boxes[:, 2:].prod(-1) - shared
    return shared / np.maximum(union, 1e-9)


def as_read(order: Callable, normalised: bool) -> Reading:
    """Boxes in pixels, (x, y, width, height), of numbers in another order or relative to frames.

    Args:
      order: makes four columns of four columns.
      normalised: the numbers are shares of the frame.

    Returns:
      takes [N, 4] numbers and the [N, 2] (width, height) of the frames.
    """

    def read(boxes: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        columns = np.stack(order(*boxes.T), axis=1)
        return columns * np.tile(sizes, 2) if normalised else columns

    return read


_ORDERS = {
    "x, y, width, height": lambda x, y, w, h: (x, y, w, h),
    "x1, y1, x2, y2": lambda x1, y1, x2, y2: (x1, y1, x2 - x1, y2 - y1),
    "y1, x1, y2, x2": lambda y1, x1, y2, x2: (x1, y1, x2 - x1, y2 - y1),
    "y, x, height, width": lambda y, x, h, w: (x, y, w, h),
    "x, y, height, width": lambda x, y, h, w: (x, y, w, h),
    "centre x, centre y, width, height": lambda x, y, w, h: (x - w / 2, y - h / 2, w, h),
    "x1, x2, y1, y2": lambda x1, x2, y1, y2: (x1, y1, x2 - x1, y2 - y1),
}

READINGS: dict[str, Reading] = {
    f"written as {name}" + (", in shares of the frame" if normalised else ""): as_read(
        order, normalised
    )
    for normalised in (False, True)
    for name, order in _ORDERS.items()
    if normalised or name != "x, y, width, height"
}
"""Ways to read four numbers other than the right one, by what a message says of them."""


def common_scale(boxes: np.ndarray, mask_boxes: np.ndarray) -> np.ndarray | None:
    """[2] factors in x and y that boxes seem to be larger by; None if they are not."""
    usable = (boxes[:, 2:] > 0).all(-1) & (mask_boxes[:, 2:] > TOLERANCE).all(-1)
    if not usable.any():
        return None
    factors = np.median(boxes[usable, 2:] / mask_boxes[usable, 2:], axis=0)
    return None if (np.abs(np.log(factors)) < 0.1).all() else factors


def _corners(boxes: np.ndarray) -> np.ndarray:
    """(x1, y1, x2, y2) of each box."""
    return np.concatenate([boxes[:, :2], boxes[:, :2] + boxes[:, 2:]], axis=1)
