"""What frames show: drawn sizes, windows and warps, against loops and definitions in float64."""

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ovis_jax.data.augment.settings import AFTER, BEFORE, Augmentation, Cropping, Sizes, Warping
from ovis_jax.data.augment.views import Views, draw_size, largest_size, room_inside
from ovis_jax.data.box_transforms import transform_boxes, visible_boxes
from ovis_jax.data.mask_transforms import transform_mask
from ovis_jax.data.transforms import (
    CENTERED,
    EXACT,
    Crop,
    FrameGeometry,
    Resizing,
    frame_geometry,
    resize_image,
    transform_image,
)
from ovis_jax.formats import rle

COUNTS = st.integers(12, 90)  # sides of frames
WITHIN = Resizing((48, 32), 16, axis_scales=True)
RESIZINGS = (
    WITHIN,
    dataclasses.replace(WITHIN, fit="short_side", resampling="pillow"),
    dataclasses.replace(WITHIN, axis_scales=False),
    dataclasses.replace(WITHIN, fit=EXACT),
)
SIZES = (
    Sizes(),
    Sizes(((40, 24), (56, 40))),
    Sizes(ranges=((40, 64), (20, 40))),
    Sizes((), (), (0.5, 1.4)),
)


def always(geometry):
    return True


def crops(when):
    return Cropping(1.0, (10, 30), when, () if when == AFTER else (18, 25))


CROPPINGS = (Cropping(), crops(BEFORE), crops(AFTER), Cropping(0.5, (10, 30), AFTER))


@st.composite
def drawn_views(draw, warped=True):
    """(width, height) of a frame, all of its views, and one of them."""
    size, seed = (draw(COUNTS), draw(COUNTS)), draw(st.integers(0, 2**32))
    resizing, sizes = draw(st.sampled_from(RESIZINGS)), draw(st.sampled_from(SIZES))
    cropping = draw(st.sampled_from(CROPPINGS))
    views = Views(resizing, Augmentation(sizes, cropping))
    if warped and draw(st.booleans()):
        centered = Resizing((48, 32), 16, CENTERED)
        views = Views(centered, Augmentation(warping=Warping((0.5, 0.8, 1.3), 16)))
    return size, views, views.draw(np.random.default_rng(seed), *size, always)


def box_of(mask):
    """(x, y, width, height) of a rectangle."""
    rows, columns = np.nonzero(mask)
    return columns.min(), rows.min(), np.ptp(columns) + 1, np.ptp(rows) + 1


def unpacked(mask, geometry, flip):
    return np.unpackbits(transform_mask(rle.encode(mask), geometry, flip=flip), axis=1).astype(bool)


@settings(deadline=None, max_examples=60)
@given(drawn_views(), st.tuples(*[st.floats(0, 1)] * 4), st.booleans())
def test_masks_lie_where_their_boxes_and_pixels_are(drawn, places, flip):
    (width, height), _, view = drawn
    x1, x2 = sorted(int(place * width) for place in places[:2])
    y1, y2 = sorted(int(place * height) for place in places[2:])
    assume(x2 - x1 >= 4 and y2 - y1 >= 4)
    mask = np.zeros((height, width), bool)
    mask[y1:y2, x1:x2] = True
    geometry = view.geometry
    small = unpacked(mask, geometry, flip)
    image = np.repeat(255 * mask[..., None].astype(np.uint8), 3, axis=2)
    bright = transform_image(image, geometry, flip=flip)[..., 0] > 127
    reach = 2 * int(np.ceil(1 + max(geometry.scale))) + 1  # two roundings to whole pixels
    for one, other in ((small, bright), (bright, small)):
        near = cv2.dilate(other.astype(np.uint8), np.ones((reach, reach), np.uint8)).astype(bool)
        assert not other.any() or not (one & ~near).any()
    boxes = np.array([box_of(mask)])
    (box,) = transform_boxes(boxes, geometry, flip=flip, inclusive=False)
    if visible_boxes(boxes, geometry, flip=flip)[0] and small.any():
        x, y, w, h = box_of(small)
        slack = 1.5 + 1.5 * max(geometry.scale)
        np.testing.assert_allclose(box, [x, y, x + w, y + h], atol=slack)
    elif not visible_boxes(boxes, geometry, flip=flip)[0]:
        assert min(np.ptp(box[[0, 2]]), np.ptp(box[[1, 3]])) < 1


@settings(deadline=None, max_examples=60)
@given(drawn_views(warped=False), st.booleans(), st.integers(0, 9))
def test_a_window_is_cut_out_of_what_is_resized_and_then_resized(drawn, flip, seed):
    (width, height), _, view = drawn
    geometry = view.geometry
    crop, rng = geometry.crop, np.random.default_rng(seed)
    assume(crop is not None)
    image = rng.integers(0, 256, (height, width, 3), np.uint8)
    mask = rng.random((height, width)) < 0.5
    window = (slice(crop.y, crop.y + crop.height), slice(crop.x, crop.x + crop.width))
    part = dataclasses.replace(geometry, crop=None)
    whole = dataclasses.replace(
        crop.frame, canvas_height=crop.frame.height, canvas_width=-(-crop.frame.width // 8) * 8
    )
    cut = resize_image(image, whole)[window]
    assert cut.shape[:2] == (crop.height, crop.width)
    np.testing.assert_array_equal(
        transform_image(image, geometry, flip=flip),
        transform_image(np.ascontiguousarray(cut), part, flip=flip),
    )
    cut_mask = unpacked(mask, whole, False)[window]
    np.testing.assert_array_equal(unpacked(mask, geometry, flip), unpacked(cut_mask, part, flip))


@settings(deadline=None, max_examples=50)
@given(drawn_views(), st.data())
def test_the_canvas_of_an_orientation_holds_every_view(drawn, data):
    (width, height), views, view = drawn
    geometry = view.geometry
    assert views.canvas(width, height) == (geometry.canvas_height, geometry.canvas_width)
    assert geometry.height <= geometry.canvas_height and geometry.width <= geometry.canvas_width
    other = data.draw(st.tuples(COUNTS, COUNTS).filter(lambda x: (x[0] > x[1]) == (width > height)))
    assert views.canvas(*other) == views.canvas(width, height)


@settings(deadline=None, max_examples=60)
@given(st.tuples(COUNTS, COUNTS), st.sampled_from(RESIZINGS), st.booleans(), st.integers(0, 9))
def test_a_window_of_everything_is_no_window(size, resizing, flip, seed):
    whole = frame_geometry(*size, resizing)
    frame = frame_geometry(*size, Resizing(size, fit=EXACT, axis_scales=True))
    everything = dataclasses.replace(whole, crop=Crop(frame, 0, 0, *size))
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 256, (size[1], size[0], 3), np.uint8)
    boxes = rng.integers(0, min(size), (6, 4))
    for transform, value in ((transform_image, image), (transform_boxes, boxes)):
        got, want = (transform(value, geometry, flip=flip) for geometry in (everything, whole))
        np.testing.assert_array_equal(got, want)
    own, other = (unpacked(image[..., 0] > 99, x, flip) for x in (everything, whole))
    np.testing.assert_array_equal(own, other)


@settings(deadline=None, max_examples=60)
@given(drawn_views(), st.integers(0, 99), st.booleans())
def test_boxes_follow_the_definition_in_float64(drawn, seed, flip):
    (width, height), _, view = drawn
    geometry, rng = view.geometry, np.random.default_rng(seed)
    boxes = np.sort(rng.uniform(0, 1, (5, 2, 2)), axis=1) * (width, height)
    want = boxes.copy()
    if geometry.middle is not None:  # pixels are points; the frame is mirrored first
        if flip:
            want[..., 0] = width - 1 - boxes[:, ::-1, 0]
        factor = geometry.canvas_width / max(width, height) / share_of(geometry, width, height)
        want = (want - geometry.middle) * factor
        want += np.array([geometry.canvas_width, geometry.canvas_height]) / 2
    else:
        frame = geometry if geometry.crop is None else geometry.crop.frame
        want *= frame.scale
        if geometry.crop is not None:
            want = (want - (geometry.crop.x, geometry.crop.y)) * geometry.scale
        if flip:
            want[..., 0] = geometry.width - want[:, ::-1, 0]
    want = np.clip(want, 0, (geometry.width, geometry.height)).reshape(-1, 4)
    sides = np.concatenate([boxes[:, 0], boxes[:, 1] - boxes[:, 0]], axis=1)
    got = transform_boxes(sides, geometry, flip=flip, inclusive=False)
    np.testing.assert_allclose(got, want, atol=1e-3)


def share_of(geometry, width, height):
    """The share of the longer side that the canvas shows."""
    return geometry.canvas_width / (geometry.scale[0] * max(width, height))


def test_a_warp_shows_the_drawn_share_around_the_drawn_place():
    views = Views(
        Resizing((640, 352), 32, CENTERED), Augmentation(warping=Warping((0.6, 1.0, 1.3), 128))
    )
    rng, shares, middles = np.random.default_rng(0), set(), []
    for _ in range(300):
        geometry = views.draw(rng, 1280, 720, always).geometry
        shares.add(round(share_of(geometry, 1280, 720), 6))
        x, y = geometry.middle
        middles.append((x, y))
        pixel = np.array([[x, y, 0, 0]])  # a point of the frame
        (place,) = transform_boxes(pixel, geometry, flip=False, inclusive=False)
        np.testing.assert_allclose(place, (320, 176, 320, 176), atol=1e-3)
    assert shares == {0.6, 1.0, 1.3}
    low, high = np.min(middles, axis=0), np.max(middles, axis=0)
    assert (low >= 128).all() and (high < (1280 - 128, 720 - 128)).all()
    assert (low < 150).all() and (high > (1130, 570)).all()


@pytest.mark.parametrize(("side", "want"), [(1280, 128), (257, 128), (256, 64), (100, 32), (1, 0)])
def test_margins_leave_room(side, want):
    assert room_inside(128, side) == want


@settings(deadline=None, max_examples=50)
@given(st.tuples(COUNTS, COUNTS), st.sampled_from((BEFORE, AFTER)), st.integers(0, 2**32))
def test_windows_lie_as_their_frames_do_and_have_sides_in_the_range(size, when, seed):
    views = Views(WITHIN, Augmentation(cropping=crops(when)))
    crop = views.draw(np.random.default_rng(seed), *size, always).geometry.crop
    frame = crop.frame
    assert crop.width >= crop.height if size[0] > size[1] else crop.width <= crop.height
    assert crop.x >= 0 and crop.x + crop.width <= frame.width
    assert crop.y >= 0 and crop.y + crop.height <= frame.height
    assert max(crop.width, crop.height) <= 30
    assert min(crop.width, crop.height) >= min(10, frame.width, frame.height)
    if when == BEFORE:
        assert min(frame.width, frame.height) in (18, 25)
    else:
        assert (frame.width, frame.height) == sides(frame_geometry(*size, WITHIN))


def sides(geometry: FrameGeometry):
    return geometry.width, geometry.height


def test_every_size_of_the_range_is_drawn_and_no_other():
    rng = np.random.default_rng(0)
    listed, ranged = Sizes(((40, 24), (56, 40))), Sizes(ranges=((6, 9), (2, 4)))
    assert {draw_size(rng, listed, (1, 1)) for _ in range(50)} == set(listed.choices)
    drawn = {draw_size(rng, ranged, (1, 1)) for _ in range(400)}
    assert drawn == {(long, short) for long in range(6, 10) for short in range(2, 5)}
    scaled = [draw_size(rng, Sizes(factors=(1.0, 1.3)), (640, 360)) for _ in range(400)]
    assert min(scaled) >= (640, 360) and max(scaled) <= (832, 468)
    assert all(abs(long / 640 - short / 360) < 0.003 for long, short in scaled)
    assert len(set(scaled)) > 100
    assert draw_size(rng, Sizes(), (640, 360)) == (640, 360)


@pytest.mark.parametrize(
    ("sizes", "want"),
    [
        (Sizes(), (640, 360)),
        (Sizes(((900, 300), (700, 500))), (900, 500)),
        (Sizes(ranges=((649, 960), (360, 480))), (960, 480)),
        (Sizes(factors=(1.0, 1.3)), (832, 468)),
    ],
)
def test_the_largest_size_is_that_of_each_side(sizes, want):
    assert largest_size(sizes, (640, 360)) == want


def test_half_of_the_clips_have_a_window_at_probability_one_half():
    views, rng = (
        Views(WITHIN, Augmentation(cropping=Cropping(0.5, (8, 20)))),
        np.random.default_rng(0),
    )
    cropped = [views.draw(rng, 64, 48, always).geometry.crop is not None for _ in range(600)]
    assert 250 < sum(cropped) < 350


def test_windows_that_show_no_object_are_drawn_anew():
    views = Views(WITHIN, Augmentation(cropping=Cropping(1.0, (10, 12))))
    box = np.array([[50, 30, 6, 6]])

    def shows(geometry):
        return bool(visible_boxes(box, geometry, flip=False).any())

    def found(condition):
        draws = (views.draw(np.random.default_rng(seed), 64, 48, condition) for seed in range(200))
        return sum(shows(view.geometry) for view in draws)

    assert found(shows) > 2 * found(always) > 0
