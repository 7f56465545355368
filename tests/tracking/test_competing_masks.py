"""Objects that compete for the pixels of the original frame."""

import cv2
import numpy as np
import pytest
from pycocotools import mask as coco

from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.competing_masks import paste_competing
from ovis_jax.tracking.paste import OriginalFrame


def frame_output(logits, canvas):
    count = len(logits)
    boxes = np.tile(np.float32([0, 0, *canvas]), (count, 1))
    numbers = np.arange(count)
    return FrameOutput(numbers, numbers, numbers, boxes, logits, boxes, numbers >= 0, np.int32(0))


@pytest.mark.parametrize("original", [(61, 101), (20, 33)])
def test_a_pixel_belongs_to_the_greatest_of_the_enlarged_logits_if_background_is_less(original):
    """The canvas has 48x80 pixels, the resized frame 40x66 of them."""
    height, width = original
    logits = np.random.default_rng(0).normal(size=(3, 12, 20)).astype(np.float32)
    scale = 66 / width, 40 / height
    objects = frame_output(logits, (80 / scale[0], 48 / scale[1]))
    rles = paste_competing(objects, OriginalFrame(height, width, scale))
    canvas = [cv2.resize(own, (80, 48))[:40, :66] for own in logits]
    planes = np.stack([0 * canvas[0], *canvas])
    planes = np.stack([cv2.resize(own, (width, height)) for own in planes])
    owner = planes.argmax(0)
    masks = np.stack([coco.decode(rle).astype(bool) for rle in rles])
    assert masks.sum(0).max() == 1
    for number, mask in enumerate(masks):
        assert (mask != (owner == 1 + number)).sum() <= 1  # rounding at a border


def test_no_objects_have_no_masks():
    empty = frame_output(np.zeros((0, 12, 20), np.float32), (80, 48))
    assert paste_competing(empty, OriginalFrame(40, 66, 1.0)) == []
