"""Two loaded frames → one FramePairs record, padded to the capacity."""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.data.transforms import FrameGeometry
from ovis_jax.structures import FramePairs, Instances


@dataclasses.dataclass(frozen=True)
class LoadedFrame:
    """A frame as the network sees it, and its objects.

    Attributes:
      image: [H, W, 3] uint8, on the padded canvas.
      identities: [N] int, numbers that the objects keep in the other frame; no two are equal.
      boxes: [N, 4] float32 (x1, y1, x2, y2) in pixels of the resized frame, inclusive corners.
    """

    image: np.ndarray
    identities: np.ndarray
    boxes: np.ndarray


def frame_pair(
    query: LoadedFrame,
    reference: LoadedFrame,
    *,
    labels: np.ndarray,
    masks: np.ndarray,
    geometry: FrameGeometry,
    capacity: int,
    sample: int,
) -> FramePairs:
    """A pair without batch axis.

    Args:
      query: at most `capacity` objects, as in `reference`.
      reference: see `query`.
      labels: [N] int32 in [0, K), of the query frame's objects.
      masks: [N, H, W // 8] uint8, of the query frame's objects, eight columns a byte.
      geometry: of both frames.
      capacity: slots of the record.
      sample: number of the query frame.
    """
    same = query.identities[:, None] == reference.identities
    match = (same * np.arange(1, same.shape[1] + 1, dtype=np.int32)).sum(axis=1, dtype=np.int32)
    slots = np.arange(capacity)
    return FramePairs(
        query=query.image,
        reference=reference.image,
        image_size=np.array([geometry.height, geometry.width], np.int32),
        instances=Instances(
            boxes=_padded(query.boxes, capacity),
            labels=_padded(labels, capacity),
            masks=_padded(masks, capacity),
            valid=slots < len(query.identities),
        ),
        reference_boxes=_padded(reference.boxes, capacity),
        reference_valid=slots < len(reference.identities),
        reference_match=_padded(match, capacity),
        sample=np.int32(sample),
    )


def blank_pair(geometry: FrameGeometry, capacity: int, sample: int) -> FramePairs:
    """A pair of the same shapes, all zero and without valid slots."""
    height, width = geometry.canvas_height, geometry.canvas_width
    image, boxes = np.zeros((height, width, 3), np.uint8), np.zeros((capacity, 4), np.float32)
    numbers, valid = np.zeros(capacity, np.int32), np.zeros(capacity, bool)
    masks = np.zeros((capacity, height, width // 8), np.uint8)
    return FramePairs(
        query=image,
        reference=image,
        image_size=np.zeros(2, np.int32),
        instances=Instances(boxes=boxes, labels=numbers, masks=masks, valid=valid),
        reference_boxes=boxes,
        reference_valid=valid,
        reference_match=numbers,
        sample=np.int32(sample),
    )


def _padded(values: np.ndarray, capacity: int) -> np.ndarray:
    """Appends zeros up to the capacity."""
    padded = np.zeros((capacity, *values.shape[1:]), values.dtype)
    padded[: len(values)] = values
    return padded
