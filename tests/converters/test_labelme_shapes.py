import base64

import cv2
import numpy as np
import pytest
from converters.png_files import INDEXED, png_file
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.converters.labelme_shapes import mask_shape, part_of, united
from ovis_jax.formats import rle
from ovis_jax.formats.errors import InputError

WIDTH, HEIGHT = 14, 10


def base64_png(picture):
    return base64.b64encode(cv2.imencode(".png", np.uint8(picture))[1]).decode()


def pixels(shape):
    """The mask of one shape."""
    whole = united([part_of(shape, WIDTH, HEIGHT, "7.json: shapes[0]")], WIDTH, HEIGHT)
    return rle.decode(whole if isinstance(whole, dict) else rle.from_polygons(whole, HEIGHT, WIDTH))


def box(left, top, right, bottom):
    """The mask of the pixels from (left, top) up to but not including (right, bottom)."""
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[top:bottom, left:right] = 1
    return mask


@pytest.mark.parametrize(
    "points",
    [
        [[2, 1], [6, 4]],
        [[6, 4], [2, 1]],
        [[2, 4], [6, 1]],
        [[2, 1], [6, 1], [6, 4], [2, 4]],
        [[6, 4], [2, 1], [2, 4], [6, 1]],
    ],
)
def test_a_rectangle_is_filled_like_the_polygon_of_its_corners(points):
    np.testing.assert_array_equal(
        pixels(dict(shape_type="rectangle", points=points)), box(2, 1, 6, 4)
    )


@pytest.mark.parametrize("kind", ["oriented_rectangle", "rotation", "rectangle"])
def test_a_turned_rectangle_is_its_outline(kind):
    shape = dict(shape_type=kind, points=[[5, 0], [9, 4], [5, 8], [1, 4]])
    polygon = dict(points=shape["points"], shape_type=None)
    np.testing.assert_array_equal(pixels(shape), pixels(polygon))


@pytest.mark.parametrize("rim", [[11, 5], [7, 1], [7 - 8**0.5, 5 + 8**0.5]])
def test_a_circle_has_the_pixels_whose_centres_are_within(rim):
    y, x = np.mgrid[:HEIGHT, :WIDTH] + 0.5
    want = (x - 7) ** 2 + (y - 5) ** 2 <= 16
    np.testing.assert_array_equal(pixels(dict(shape_type="circle", points=[[7, 5], rim])), want)


@pytest.mark.parametrize(
    "left, top", [(3, 2), (0, 0), (3.4, 2.7), (2.9999999, 1.9999999), (-1, -2), (12, 8), (50, 0)]
)
def test_a_mask_shape_lies_between_its_corners_and_is_cut_off_at_the_image(left, top):
    picture = np.uint8([[0, 1, 1], [1, 0, 255], [1, 1, 1]])
    shape = dict(shape_type="mask", points=[[left, top], [left + 2, top + 2]])
    found = pixels(shape | dict(mask=base64_png(picture)))
    padded = np.zeros((HEIGHT + 100, WIDTH + 100), np.uint8)
    row, column = 50 + int(np.floor(top + 1e-6)), 50 + int(np.floor(left + 1e-6))
    padded[row : row + 3, column : column + 3] = picture > 0
    np.testing.assert_array_equal(found, padded[50 : 50 + HEIGHT, 50 : 50 + WIDTH])


def test_the_picture_of_a_mask_may_have_one_bit_a_palette_and_lines_of_base64():
    picture = np.array([[0, 1, 1], [1, 0, 1]])
    for color in (dict(), dict(color_type=INDEXED, chunks=[(b"PLTE", bytes(6))])):
        text = base64.encodebytes(png_file(picture, 1, **color)).decode()
        shape = dict(shape_type="mask", points=[[0, 0], [2, 1]], mask=text)
        np.testing.assert_array_equal(pixels(shape)[:2, :3], picture)


@given(st.integers(0, 2**32))
def test_a_written_mask_shape_is_the_mask(seed):
    rng = np.random.default_rng(seed)
    mask = (rng.random((HEIGHT, WIDTH)) < rng.choice([0, 0.02, 0.5, 1])).astype(np.uint8)
    shape = mask_shape(mask)
    if not mask.any():
        assert shape is None
        return
    np.testing.assert_array_equal(pixels(shape), mask)
    (left, top), (right, bottom) = shape["points"]  # which labelme takes for inclusive
    picture = cv2.imdecode(np.frombuffer(base64.b64decode(shape["mask"]), np.uint8), -1)
    np.testing.assert_array_equal(picture, mask[top : bottom + 1, left : right + 1])


def test_parts_of_several_kinds_are_one_object():
    parts = [
        part_of(dict(shape_type="rectangle", points=[[0, 0], [2, 2]]), WIDTH, HEIGHT, ""),
        part_of(
            dict(shape_type="mask", points=[[1, 1], [3, 3]], mask=base64_png(np.ones((3, 3)))),
            WIDTH,
            HEIGHT,
            "",
        ),
    ]
    union = rle.decode(united(parts, WIDTH, HEIGHT))
    np.testing.assert_array_equal(union, box(0, 0, 2, 2) | box(1, 1, 4, 4))


GOOD = dict(shape_type="mask", points=[[1, 1], [3, 2]], mask=base64_png(np.ones((2, 3))))


@pytest.mark.parametrize(
    "change, message",
    [
        (dict(points=[[1, 1], [3, 3]]), "mask: the PNG has 3x2 pixels, expected 3x3"),
        (dict(points=[[3, 2], [1, 1]]), "points: expected the upper left corner"),
        (dict(points=[[1, 1]]), "shape_type: expected two points"),
        (dict(points=[[1, 1], [3, float("nan")]]), "points: a coordinate is not a number"),
        (dict(points=[[0, 0], [1e5, 1e5]]), "mask: the PNG has 3x2 pixels, expected 100001x100001"),
        (dict(mask=None), "mask: expected a PNG file in base64, is null"),
        (dict(mask="?"), "mask: not base64"),
        (dict(mask="AAAA"), "mask: not a PNG"),
        (dict(mask=base64_png(np.full((2, 3, 3), (0, 0, 9)))), "mask: pixels have colours"),
        (dict(shape_type="circle", points=[[1, 1]] * 3), "shape_type: expected two points"),
        (dict(shape_type="circle", points=[[1, 1], [10**6, 1]]), "points: polygon 0"),
        (dict(shape_type="rectangle", points=[[1, 1]] * 3), "shape_type: expected two points"),
        (dict(shape_type="cuboid"), "shape_type: expected polygon, .*'cuboid'"),
        (dict(shape_type=[1]), "shape_type: expected polygon"),
        (dict(points=[]), "shape_type: expected two points"),
    ],
)
def test_what_is_wrong_with_a_shape_is_said_with_its_field(change, message):
    with pytest.raises(InputError, match=rf"7.json: shapes\[0\]: {message}"):
        part_of(GOOD | change, WIDTH, HEIGHT, "7.json: shapes[0]")


def test_an_image_too_large_for_a_mask_takes_no_memory():
    with pytest.raises(InputError, match="mask: an image of .* pixels is too large"):
        part_of(GOOD, 1 << 20, 1 << 20, "")
