"""Grids over the canvas to masks of the original frame."""

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.bilinear_masks import paste_bilinear
from ovis_jax.tracking.paste import OriginalFrame


def frame_output(logits, canvas):
    count = len(logits)
    boxes = np.tile(np.float32([0, 0, *canvas]), (count, 1))
    numbers = np.arange(count)
    return FrameOutput(numbers, numbers, numbers, boxes, logits, boxes, numbers >= 0, np.int32(0))


@pytest.mark.parametrize("original", [(61, 101), (20, 33), (40, 66)])
def test_masks_are_those_of_opencvs_resizing_twice(original):
    """The canvas has 48x80 pixels, the resized frame 40x66 of them."""
    height, width = original
    logits = np.random.default_rng(0).normal(size=(3, 12, 20)).astype(np.float32)
    scale = 66 / width, 40 / height
    objects = frame_output(logits, (80 / scale[0], 48 / scale[1]))
    rles = paste_bilinear(objects, OriginalFrame(height, width, scale))
    for rle, own in zip(rles, logits, strict=True):
        canvas = cv2.resize(own, (80, 48), interpolation=cv2.INTER_LINEAR)
        want = cv2.resize(canvas[:40, :66], (width, height), interpolation=cv2.INTER_LINEAR) > 0
        assert (coco.decode(rle).astype(bool) != want).sum() <= 1  # rounding at a border


def test_a_mask_without_a_cell_above_zero_is_empty_and_still_a_mask():
    objects = frame_output(np.full((1, 12, 20), -1, np.float32), (80, 48))
    (rle,) = paste_bilinear(objects, OriginalFrame(40, 66, 1.0))
    assert coco.area(rle) == 0 and rle["size"] == [40, 66]


def test_no_objects_have_no_masks():
    empty = frame_output(np.zeros((0, 12, 20), np.float32), (80, 48))
    assert paste_bilinear(empty, OriginalFrame(40, 66, 1.0)) == []
