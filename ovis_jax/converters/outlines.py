"""Masks as polygons along the edges of their pixels, from which the same masks come back."""

from __future__ import annotations

import cv2
import numpy as np

from ovis_jax.formats import rle

Polygon = list[tuple[int, int]]


def outlines(mask: np.ndarray) -> list[Polygon]:
    """One polygon for each connected part of a mask [h, w] of bools or zeros and ones.

    A hole is joined to the outline around it by a line that is gone there and back, so that filling
    by the even-odd rule leaves it empty.

    Returns:
      Polygons of (x, y) corners of pixels: x from 0 to w, y from 0 to h.
    """
    doubled = np.repeat(np.repeat(np.asarray(mask, np.uint8), 2, axis=0), 2, axis=1)
    rings, hierarchy = cv2.findContours(doubled, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_SIMPLE)
    if not rings:
        return []
    # A pixel's left edge is its first half's index / 2, its right edge its second half's, rounded.
    corners = [_without_repetition((ring[:, 0] + 1) // 2) for ring in rings]
    parts: dict[int, list[Polygon]] = {}
    for number, (*_, parent) in enumerate(hierarchy[0]):
        parts.setdefault(number if parent < 0 else int(parent), []).append(corners[number])
    return [joined(rings_of_part) for rings_of_part in parts.values()]


def joined(polygons: list[Polygon]) -> Polygon:
    """Several polygons as one, joined by lines that are gone there and back; at least one."""
    first, *others = polygons
    whole = list(first)
    for polygon in others:
        whole += [first[0], *polygon, polygon[0]]
    return whole + [first[0]] if others else whole


def from_points(points: list, height: int, width: int) -> dict:
    """Fills a polygon of (x, y) points by the even-odd rule; a compressed mask."""
    return rle.from_polygons([[float(v) for point in points for v in point]], height, width)


def _without_repetition(points: np.ndarray) -> Polygon:
    """[P, 2] points as pairs, without those equal to the one before."""
    changed = (points != np.roll(points, 1, axis=0)).any(axis=1)
    return [(x, y) for x, y in points[changed].tolist()]
