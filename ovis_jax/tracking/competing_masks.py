"""Masks of objects that compete for the pixels of the original frame; numpy.

Logits over that of the background are enlarged as in `tracking/bilinear_masks.py`; a pixel belongs
to the greatest if that is above zero, and to no object else. Source: FEELVOS, whose logits are
enlarged before their maximum is sought.
"""

import functools

import numpy as np

from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.bilinear_masks import canvas_weights
from ovis_jax.tracking.paste import OriginalFrame, encode_crop


def paste_competing(objects: FrameOutput, frame: OriginalFrame) -> list[dict]:
    """A mask for each object, from its grid of logits over the canvas; no two overlap."""
    if not len(objects.mask_logits):
        return []
    in_x, in_y = np.broadcast_to(np.float64(frame.scale), 2)
    cells = np.asarray(objects.mask_logits, np.float32)
    stride = round(objects.mask_boxes[0, 2] * in_x / cells.shape[2])
    weights = functools.partial(canvas_weights, stride)
    by_row = weights(cells.shape[1], int(frame.height * in_y + 0.5), frame.height)
    by_column = weights(cells.shape[2], int(frame.width * in_x + 0.5), frame.width)
    greatest = np.zeros((frame.height, frame.width), np.float32)
    owner = np.full(greatest.shape, -1)
    for number, own in enumerate(cells):
        plane = by_row @ own @ by_column.T
        wins = plane > greatest
        greatest[wins], owner[wins] = plane[wins], number
    return [encode_crop(owner == n, 0, 0, frame.height, frame.width) for n in range(len(cells))]
