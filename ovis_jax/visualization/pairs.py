"""A frame pair of a batch as a picture, to see what the model is given."""

from __future__ import annotations

import cv2
import numpy as np

from ovis_jax.structures import FramePairs

_PALETTE = np.random.default_rng(3).integers(60, 256, (64, 3))
_ONLY_REFERENCE = (255, 255, 255)


def draw_pair(batch: FramePairs) -> np.ndarray:
    """Draws the boxes of the first pair of a batch on its query and reference frame.

    An identity has one colour in both frames; one that is only in the reference frame is white.

    Args:
      batch: numpy arrays.

    Returns:
      [H, 2W, 3] uint8 RGB: query frame, reference frame.
    """
    pair = _first(batch)
    query, reference = pair.query.copy(), pair.reference.copy()
    reference_colours = [_ONLY_REFERENCE] * len(pair.reference_boxes)
    for slot in np.flatnonzero(pair.instances.valid):
        colour = tuple(int(c) for c in _PALETTE[slot % len(_PALETTE)])
        _draw_box(query, pair.instances.boxes[slot], colour)
        if pair.reference_match[slot] > 0:
            reference_colours[pair.reference_match[slot] - 1] = colour
    for slot in np.flatnonzero(pair.reference_valid):
        _draw_box(reference, pair.reference_boxes[slot], reference_colours[slot])
    return np.concatenate([query, reference], axis=1)


def _first(batch: FramePairs) -> FramePairs:
    instances = batch.instances
    return batch.replace(
        query=batch.query[0],
        reference=batch.reference[0],
        instances=instances.replace(boxes=instances.boxes[0], valid=instances.valid[0]),
        reference_boxes=batch.reference_boxes[0],
        reference_valid=batch.reference_valid[0],
        reference_match=batch.reference_match[0],
    )


def _draw_box(image: np.ndarray, box: np.ndarray, colour: tuple[int, int, int]) -> None:
    x1, y1, x2, y2 = (int(v) for v in np.round(box))
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, 1)
