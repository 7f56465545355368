"""What is left of boxes; where they go is tested with their frames, in `test_transforms`."""

import dataclasses

import numpy as np

from ovis_jax.data.box_transforms import visible_boxes
from ovis_jax.data.transforms import EXACT, Crop, Resizing, frame_geometry


def test_a_box_counts_as_long_as_a_pixel_of_both_sides_is_left():
    frame = frame_geometry(64, 48, Resizing((64, 48), fit=EXACT, axis_scales=True))
    whole = dataclasses.replace(frame, width=20, height=20)
    geometry = dataclasses.replace(whole, crop=Crop(frame, 10, 10, 20, 20))
    boxes = {
        (5, 12, 6, 4): True,  # one column is left
        (5, 12, 5.9, 4): False,
        (2, 12, 3, 4): False,
        (29, 12, 8, 4): True,
        (29.5, 12, 8, 4): False,
        (12, 29.5, 4, 8): False,
        (12, 12, 0.5, 4): True,  # as small as it was
        (0, 0, 64, 48): True,
    }
    got = visible_boxes(np.array(list(boxes)), geometry, flip=False)
    np.testing.assert_array_equal(got, list(boxes.values()))
