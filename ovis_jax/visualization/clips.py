"""A clip of a batch as a picture, to see what the model is given."""

from __future__ import annotations

import cv2
import numpy as np

from ovis_jax.structures import Clips

_PALETTE = np.random.default_rng(3).integers(60, 256, (64, 3))
_NOT_IN_QUERY = (255, 255, 255)


def draw_clip(batch: Clips) -> np.ndarray:
    """Draws the boxes of the first clip of a batch on its frames.

    An identity has one colour in all frames; one that is not in the query frame is white.

    Args:
      batch: numpy arrays.

    Returns:
      [H, T * W, 3] uint8 RGB: the frames beside each other, the query frame first.
    """
    frames, instances = batch.frames[0].copy(), batch.instances
    boxes, identities, valid = (
        np.asarray(x)[0] for x in (instances.boxes, instances.identities, instances.valid)
    )
    colours = {
        int(identities[0, slot]): tuple(int(c) for c in _PALETTE[slot % len(_PALETTE)])
        for slot in np.flatnonzero(valid[0])
    }
    for t, slot in np.argwhere(valid):
        colour = colours.get(int(identities[t, slot]), _NOT_IN_QUERY)
        _draw_box(frames[t], boxes[t, slot], colour)
    return np.concatenate(frames, axis=1)


def _draw_box(image: np.ndarray, box: np.ndarray, colour: tuple[int, int, int]) -> None:
    x1, y1, x2, y2 = (int(v) for v in np.round(box))
    cv2.rectangle(image, (x1, y1), (x2, y2), colour, 1)
