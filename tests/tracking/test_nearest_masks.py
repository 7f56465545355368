"""Grids over the canvas to masks of the original frame, by whole pixels."""

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.nearest_masks import paste_nearest
from ovis_jax.tracking.paste import OriginalFrame


@pytest.mark.parametrize("original", [(80, 132), (20, 33), (40, 66)])
def test_masks_are_those_of_a_bilinear_and_a_nearest_resizing(original):
    """The canvas has 48x80 pixels, the resized frame 40x66 of them."""
    height, width = original
    logits = np.random.default_rng(0).normal(size=(3, 12, 20)).astype(np.float32)
    objects = FrameOutput(*[None] * 8).replace(mask_logits=logits)
    rles = paste_nearest(objects, OriginalFrame(height, width, (66 / width, 40 / height)))
    rows, columns = np.arange(height) * 40 // height, np.arange(width) * 66 // width
    for rle, own in zip(rles, logits, strict=True):
        canvas = cv2.resize(own, (80, 48), interpolation=cv2.INTER_LINEAR)
        want = canvas[rows][:, columns] > 0
        assert (coco.decode(rle).astype(bool) != want).sum() <= 4  # rounding at a border
