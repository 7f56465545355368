"""The recorded pairs, one of which is mirrored, moved and enlarged, as augmentation does it."""

import dataclasses

import numpy as np
import pytest
from golden.trades.recorded_batch import boxes_on_canvas, objects_of, pairs
from golden.trades.trades_model import geometry, record, videos

from ovis_jax.data.box_transforms import transform_boxes
from ovis_jax.data.transforms import transform_image

every_pair = pytest.mark.parametrize("row", range(2))


def warped(pair):
    """The geometry that a draw of the pair's centre and scale gives."""
    whole = geometry(0)
    scale = tuple(factor / pair["aug_scale"] for factor in whole.scale)
    return dataclasses.replace(whole, scale=scale, middle=tuple(pair["center"]))


@every_pair
def test_frames_are_warped_as_recorded(row):
    pair = pairs()[row]
    for name, number in (("image_bgr", pair["frame"]), ("previous_bgr", pair["prev"])):
        frame = np.ascontiguousarray(videos()[0][number])
        own = transform_image(frame, warped(pair), flip=pair["flip"])
        difference = np.abs(own.astype(int) - record(name, "train")[row][..., ::-1])
        assert difference.max() <= 1 and (difference > 0).mean() < 1e-4


@every_pair
def test_boxes_are_warped_as_recorded(row):
    pair = pairs()[row]
    for frame in (pair["frame"], pair["prev"]):
        objects = objects_of(pair, frame)
        boxes = np.array([own["bbox"] for own in objects])
        own = transform_boxes(boxes, warped(pair), flip=pair["flip"], inclusive=False)
        limits = np.array([*record("image_bgr", "train").shape[2:0:-1]] * 2)
        want = np.clip(boxes_on_canvas(pair, objects), 0, limits)
        np.testing.assert_allclose(own, want, atol=1e-4)
