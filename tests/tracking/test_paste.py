"""Pasting of masks: recorded masks of the published code, and the run-length shortcut."""

import numpy as np
import pytest
from golden_folder import golden_arrays, golden_json
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco

from ovis_jax.tracking.paste import encode_crop, mask_in_box, paste_mask, pixel_boxes

SYSTEM = "cmasktrack_rcnn"
PIXELS_APART = 3
LOSSY = np.float32(0.3)  # multiplied and divided by it, some whole numbers are less


def decoded(mask):
    return coco.decode({"size": mask["size"], "counts": mask["counts"].encode()})


def test_pasted_masks_equal_the_recorded_ones():
    ops = golden_arrays(SYSTEM, "ops.npz")
    _, height, width = ops["paste/shape"]
    scale = float(ops["paste/scale_factor"])
    boxes = pixel_boxes(
        ops["paste/boxes"] / np.float32(scale), scale
    )  # recorded on the small frame
    wanted = np.unpackbits(ops["paste/masks"], axis=-1)[..., :width]
    for logits, label, box, want in zip(
        ops["paste/logits"], ops["paste/labels"], boxes, wanted, strict=True
    ):
        got = decoded(paste_mask(logits[label + 1], box, int(height), int(width)))
        assert np.sum(got != want) <= PIXELS_APART


def test_pixels_of_a_frame_that_was_stretched_are_truncated_in_each_axis():
    boxes = np.float32([[1.5, 2.5, 9.9, 7.2], [4, 4, 3, 3]])
    for scale in (0.5, (0.5, 0.25)):
        np.testing.assert_array_equal(pixel_boxes(boxes, scale), [[1, 2, 9, 7], [4, 4, 4, 4]])
    whole = np.arange(1, 200, dtype=np.float32)
    x1, y1, x2, y2 = pixel_boxes(np.stack([whole] * 4, axis=1), (LOSSY, 0.5)).T
    np.testing.assert_array_equal(x1, (whole * LOSSY / LOSSY).astype(int))
    assert (x1 != whole).any() and (x2 == x1).all() and (y1 == whole).all() and (y2 == whole).all()


@pytest.mark.parametrize("video, frame", [("v0", 5), ("v1", 3)])
def test_masks_of_a_recorded_frame_come_out(video, frame):
    logits = golden_arrays(SYSTEM, "sequence.npz")[f"{video}_t{frame}/mask_logits"]
    detections = golden_json(SYSTEM, "tracking.json")[video][frame]["detections"]
    scale = golden_json(SYSTEM, "manifest.json")["set"]["scale_factor"]
    assert len(logits) == len(detections) > 0
    boxes = pixel_boxes(np.array([d["box"] for d in detections], np.float32), scale)
    for grid, box, detection in zip(logits, boxes, detections, strict=True):
        height, width = detection["rle"]["size"]
        got = paste_mask(grid, box, height, width)
        assert np.sum(decoded(got) != decoded(detection["rle"])) <= PIXELS_APART


@given(
    seed=st.integers(0, 2**16),
    frame=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    crop=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    place=st.tuples(st.integers(-3, 9), st.integers(-3, 9)),
    density=st.sampled_from([0.0, 0.5, 0.9, 1.0]),
)
def test_encode_crop_equals_encoding_the_whole_frame(seed, frame, crop, place, density):
    crop = np.random.default_rng(seed).random(crop) < density
    (height, width), (x, y) = frame, place
    whole = np.zeros(frame, np.uint8)
    for row, column in np.ndindex(crop.shape):
        if 0 <= y + row < height and 0 <= x + column < width:
            whole[y + row, x + column] = crop[row, column]
    want = coco.encode(np.asfortranarray(whole))
    got = encode_crop(crop, x, y, height, width)
    assert got == {"size": [height, width], "counts": want["counts"].decode()}


def test_boxes_are_truncated_towards_zero_and_hold_one_pixel_at_least():
    boxes = np.array([[1.9, 2.2, 7.99, 3.0], [-0.7, 0.4, 0.2, 0.9], [5.0, 5.0, 4.2, 4.9]])
    want = [[1, 2, 7, 3], [0, 0, 0, 0], [5, 5, 5, 5]]
    np.testing.assert_array_equal(pixel_boxes(boxes, 1.0), want)


def test_extreme_logits_make_full_and_empty_masks_without_warnings():
    with np.errstate(over="raise", invalid="raise"):
        assert mask_in_box(np.full((4, 4), 1e4, np.float32), 7, 5).all()
        assert not mask_in_box(np.full((4, 4), -1e4, np.float32), 7, 5).any()
