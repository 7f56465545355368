"""Boxes around masks, (x, y, width, height) in pixels of the frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ovis_jax.formats import rle
from ovis_jax.formats.annotations import Annotations
from ovis_jax.formats.segmentations import Entry


def with_mask_boxes(annotations: Annotations) -> Annotations:
    """The same annotations with the boxes around the masks, whatever the file's boxes are."""
    instances = tuple(
        dataclasses.replace(instance, boxes=instance.segmentations.boxes())
        for instance in annotations.instances
    )
    return dataclasses.replace(annotations, instances=instances)


def outer_boxes(entries: Sequence[Entry], sizes: np.ndarray) -> np.ndarray:
    """Boxes around masks; those of polygons are taken from the corners, good to a pixel.

    Args:
      entries: N entries of `Segmentations`, none of them None.
      sizes: [N, 2] int (height, width) of the frames.

    Returns:
      [N, 4] float64; width and height 0 where there is no pixel.
    """
    boxes = np.zeros((len(entries), 4))
    compressed = [place for place, entry in enumerate(entries) if type(entry) is str]
    if compressed:
        own = zip(sizes[compressed].tolist(), (entries[p] for p in compressed), strict=True)
        boxes[compressed] = rle.bounding_boxes([{"size": s, "counts": c} for s, c in own])
    for place, entry in enumerate(entries):
        if type(entry) is list:
            boxes[place] = _around_polygons(entry, sizes[place, ::-1])
    return boxes


def _around_polygons(polygons: Sequence[Sequence[float]], size: np.ndarray) -> np.ndarray:
    """[4], around the part within a frame of `size` (width, height)."""
    points = np.concatenate([np.asarray(p, np.float64) for p in polygons]).reshape(-1, 2)
    low, high = np.clip(np.stack([points.min(0), points.max(0)]), 0, size)
    return np.concatenate([low, high - low])
