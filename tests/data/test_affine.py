"""Frames and masks that are centred on their canvas, against loops in float64."""

import numpy as np
import pytest
from pycocotools import mask as coco

from ovis_jax.data.box_transforms import transform_boxes
from ovis_jax.data.mask_transforms import transform_mask
from ovis_jax.data.transforms import Resizing, frame_geometry, training_geometry, transform_image

CENTERED = Resizing((16, 8), 8, "centered")
WIDTH, HEIGHT = 30, 21


def source(geometry, x, y, flip):
    """The place of the original frame that a pixel of the canvas shows."""
    scale = 16 / max(WIDTH, HEIGHT)
    u = (x - 16 / 2) / scale + WIDTH / 2
    return (WIDTH - 1 - u if flip else u), (y - 8 / 2) / scale + HEIGHT / 2


def naive(image, geometry, flip):
    out = np.zeros((8, 16))
    for y, x in np.ndindex(8, 16):
        u, v = source(geometry, x, y, flip)
        for row, column in np.ndindex(image.shape):
            weight = max(0, 1 - abs(u - column)) * max(0, 1 - abs(v - row))
            out[y, x] += weight * image[row, column]
    return out


def test_the_longer_side_becomes_as_long_as_the_canvas_is_wide():
    wide, high = (frame_geometry(*size, CENTERED) for size in ((30, 21), (21, 30)))
    assert wide.scale == high.scale == (16 / 30, 16 / 30)
    np.testing.assert_allclose(wide.image_size, (11.2, 16))
    np.testing.assert_allclose(wide.offset, (0, -1.6))
    np.testing.assert_allclose(high.offset, (2.4, -4))
    assert training_geometry(30, 21, CENTERED) == wide
    assert (wide.height, wide.width) == (wide.canvas_height, wide.canvas_width) == (8, 16)


def test_frames_of_other_fits_have_no_offset():
    geometry = frame_geometry(30, 21, Resizing((16, 8), 8))
    assert geometry.offset == (0, 0) and geometry.image_size == (geometry.height, geometry.width)


@pytest.mark.parametrize("flip", [False, True])
def test_frames_and_masks_follow_the_definition(flip):
    geometry, rng = frame_geometry(WIDTH, HEIGHT, CENTERED), np.random.default_rng(0)
    image = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    own = transform_image(image, geometry, flip=flip)
    assert np.abs(own[..., 1] - naive(image[..., 1], geometry, flip)).max() <= 0.501
    mask = rng.random((HEIGHT, WIDTH)) < 0.6
    rle = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    rle["counts"] = rle["counts"].decode()
    own = np.unpackbits(transform_mask(rle, geometry, flip=flip), axis=1).astype(bool)
    want = naive(mask, geometry, flip)
    clear = np.abs(want - 0.5) > 1e-6
    np.testing.assert_array_equal(own[clear], want[clear] > 0.5)


@pytest.mark.parametrize("flip", [False, True])
def test_corners_of_boxes_go_where_their_pixels_go(flip):
    geometry = frame_geometry(WIDTH, HEIGHT, CENTERED)
    ((x1, y1, x2, y2),) = transform_boxes(
        np.array([[7, 8, 10, 4]]), geometry, flip=flip, inclusive=False
    )
    left, right = (17, 7) if flip else (7, 17)
    np.testing.assert_allclose(source(geometry, x1, y1, flip), (left, 8), atol=1e-4)
    np.testing.assert_allclose(source(geometry, x2, y2, flip), (right, 12), atol=1e-4)


def test_a_frame_that_was_decoded_at_half_its_size_shows_the_same():
    smooth = np.add.outer(np.arange(40) * 3, np.arange(60) * 2)[..., None].repeat(3, axis=2)
    geometry = frame_geometry(60, 40, Resizing((32, 16), 8, "centered"))
    whole = transform_image(smooth.astype(np.uint8), geometry, flip=False).astype(int)
    half = smooth.reshape(20, 2, 30, 2, 3).mean(axis=(1, 3)).astype(np.uint8)
    inside = slice(1, -1)
    difference = whole - transform_image(half, geometry, flip=False)
    assert np.abs(difference[inside, inside]).max() <= 3
