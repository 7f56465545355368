import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.data.pseudo.clip import (
    Cutout,
    PseudoClip,
    Still,
    draw_frame,
)
from ovis_jax.data.pseudo.motion import (
    REST,
    Motion,
    draw_transforms,
    mirror_transform,
    resize_transform,
    view_transform,
)
from ovis_jax.data.pseudo.paste import (
    Pasting,
    cut_out,
    draw_count,
    draw_place,
)
from ovis_jax.data.transforms import Resizing, frame_geometry, transform_image

MOTION = Motion(rotation=20, shear=8, translation=0.3, scale=0.4, perspective=0.1)
PASTING = Pasting(probability=1.0, max_objects=3, size=(0.7, 1.4), travel=1.0)
SIZE, FILL = (96, 64), (7, 7, 7)
SEEDS = st.integers(0, 2**32)
random = settings(deadline=None, max_examples=40)


def painted_still(rng, count=5):
    """Objects that do not overlap, each with a colour of its own: red is 40 + 20 * number."""
    image, masks = np.zeros((70, 110, 3), np.uint8), np.zeros((count, 70, 110), bool)
    free = np.ones((70, 110), bool)
    for number in range(count):
        x, y = rng.integers(0, 80), rng.integers(0, 50)
        w, h = rng.integers(12, 30), rng.integers(12, 20)
        masks[number, y : y + h, x : x + w] = free[y : y + h, x : x + w]
        free &= ~masks[number]
        image[masks[number]] = 40 + 20 * number
    return Still(image, masks)


def moved_clip(rng, still, length=3, cutouts=0):
    height, width = still.image.shape[:2]
    start = resize_transform((width, height), SIZE)
    transforms = draw_transforms(rng, MOTION, length, *SIZE) @ start
    pasted = [Cutout(np.full((20, 16, 3), 200 + 10 * i, np.uint8), np.ones((20, 16), bool))
              for i in range(cutouts)]  # fmt: skip
    hidden = still.masks[int(still.masks.any(axis=(1, 2)).argmax())]
    places = [draw_place(rng, PASTING, cutout, hidden, length) for cutout in pasted]
    return PseudoClip(still, transforms, pasted, places)


def inner(mask):
    """Pixels at least three from the edge, where interpolation mixes in nothing else."""
    kernel, outside = np.ones((5, 5), np.uint8), cv2.BORDER_CONSTANT
    return cv2.erode(mask.astype(np.uint8), kernel, borderType=outside, borderValue=0) > 0


@random
@given(SEEDS)
def test_image_and_masks_move_together(seed):
    rng = np.random.default_rng(seed)
    clip = moved_clip(rng, painted_still(rng))
    for frame in range(3):
        drawn = draw_frame(clip, frame, SIZE, FILL)
        assert drawn.image.shape == (64, 96, 3) and drawn.masks.shape == (5, 64, 96)
        for number, mask in enumerate(drawn.masks):
            assert (drawn.image[inner(mask)] == 40 + 20 * number).all()
        outside = inner(~drawn.masks.any(axis=0))
        assert (drawn.image[outside] < 40).all()


@random
@given(SEEDS, st.integers(1, 3))
def test_pasted_objects_hide_what_is_behind_them(seed, cutouts):
    rng = np.random.default_rng(seed)
    still = painted_still(rng)
    clip = moved_clip(rng, still, cutouts=cutouts)
    bare = PseudoClip(still, clip.transforms)
    for frame in range(3):
        drawn, before = draw_frame(clip, frame, SIZE, FILL), draw_frame(bare, frame, SIZE, FILL)
        assert len(drawn.masks) == 5 + cutouts
        assert drawn.masks.sum(axis=0).max() <= 1
        np.testing.assert_array_equal(drawn.full_areas[:5], before.masks.sum(axis=(1, 2)))
        assert (drawn.masks.sum(axis=(1, 2)) <= drawn.full_areas).all()
        pasted = drawn.masks[5:].any(axis=0)
        np.testing.assert_array_equal(drawn.masks[:5], before.masks & ~pasted)
        top = drawn.masks[-1]
        assert top.sum() == drawn.full_areas[-1]
        for number, mask in enumerate(drawn.masks[5:]):
            assert (drawn.image[inner(mask)] == 200 + 10 * number).all()
        far = inner(~pasted)
        np.testing.assert_array_equal(drawn.image[far], before.image[far])


@random
@given(SEEDS)
def test_the_same_random_numbers_draw_the_same_frames(seed):
    frames = []
    for _ in range(2):
        rng = np.random.default_rng(seed)
        clip = moved_clip(rng, painted_still(rng), cutouts=2)
        frames.append(draw_frame(clip, 1, SIZE, FILL))
    np.testing.assert_array_equal(frames[0].image, frames[1].image)
    np.testing.assert_array_equal(frames[0].masks, frames[1].masks)


def test_a_frame_at_rest_is_the_image():
    still = painted_still(np.random.default_rng(0))
    transforms = draw_transforms(np.random.default_rng(0), REST, 2, 110, 70)
    np.testing.assert_allclose(transforms, np.tile(np.eye(3), (2, 1, 1)), atol=1e-6)
    drawn = draw_frame(PseudoClip(still, transforms), 1, (110, 70), FILL)
    np.testing.assert_array_equal(drawn.image, still.image)
    np.testing.assert_array_equal(drawn.masks, still.masks)


def test_a_resized_frame_is_that_of_the_videos():
    image = np.random.default_rng(0).integers(0, 255, (60, 80, 3), np.uint8)
    image = cv2.GaussianBlur(image, (9, 9), 3)
    still = Still(image, np.zeros((0, 60, 80), bool))
    for size in ((40, 30), (120, 90)):
        move = resize_transform((80, 60), size)
        drawn = draw_frame(PseudoClip(still, move[None]), 0, size, FILL).image.astype(int)
        inside = (slice(2, -2), slice(2, -2))
        assert np.abs(drawn - cv2.resize(image, size))[inside].max() <= 2


def test_a_mirrored_frame_is_the_image_mirrored():
    still = painted_still(np.random.default_rng(0))
    drawn = draw_frame(PseudoClip(still, mirror_transform(110)[None]), 0, (110, 70), FILL)
    np.testing.assert_array_equal(drawn.image, still.image[:, ::-1])
    np.testing.assert_array_equal(drawn.masks, still.masks[:, :, ::-1])


def test_more_masks_than_bits_of_a_byte_move_each_on_its_own():
    rng = np.random.default_rng(0)
    masks = rng.random((19, 40, 60)) < 0.3
    moves = draw_transforms(rng, MOTION, 1, 60, 40)
    still = Still(np.zeros((40, 60, 3), np.uint8), masks)
    together = draw_frame(PseudoClip(still, moves), 0, (60, 40), FILL).masks
    for mask, got in zip(masks, together, strict=True):
        alone = PseudoClip(Still(still.image, mask[None]), moves)
        np.testing.assert_array_equal(draw_frame(alone, 0, (60, 40), FILL).masks[0], got)


def test_what_left_the_frame_has_no_pixel_and_the_border_the_fill_colour():
    still = painted_still(np.random.default_rng(0))
    away = np.array([[1.0, 0, 500], [0, 1, 0], [0, 0, 1]])[None]
    drawn = draw_frame(PseudoClip(still, away), 0, SIZE, FILL)
    assert not drawn.masks.any() and not drawn.full_areas.any()
    assert (drawn.image == 7).all()


def test_motion_goes_evenly_from_one_pose_to_another_within_its_range():
    shift = Motion(rotation=0, shear=0, translation=0.25, scale=0, perspective=0)
    ends = []
    for seed in range(60):
        moves = draw_transforms(np.random.default_rng(seed), shift, 5, 80, 40)
        shifts = moves[:, :2, 2]
        np.testing.assert_allclose(np.diff(shifts, 2, axis=0), 0, atol=1e-3)
        ends.append(shifts[[0, -1]])
    ends = np.abs(ends)
    assert 15 < ends[..., 0].max() <= 20.01 and 8 < ends[..., 1].max() <= 10.01


def test_the_size_changes_by_at_most_the_factor():
    zoom = Motion(rotation=0, shear=0, translation=0, scale=0.5, perspective=0)
    rngs = map(np.random.default_rng, range(60))
    factors = np.array([draw_transforms(rng, zoom, 1, 80, 40)[0, 0, 0] for rng in rngs])
    assert 1 / 1.501 < factors.min() < 0.8 and 1.3 < factors.max() < 1.501


@pytest.mark.parametrize("probability, want", [(0.0, {0}), (1.0, {1, 2, 3})])
def test_as_many_objects_are_pasted_as_wanted(probability, want):
    pasting = Pasting(probability=probability, max_objects=3, size=(1, 1), travel=1)
    assert {draw_count(np.random.default_rng(seed), pasting) for seed in range(50)} == want


def test_a_cutout_is_the_object_with_an_empty_frame_around_it():
    image = np.arange(30 * 20 * 3, dtype=np.uint8).reshape(30, 20, 3)
    mask = np.zeros((30, 20), bool)
    mask[4:9, 0:7] = True  # at the edge of the image
    cutout = cut_out(image, mask)
    np.testing.assert_array_equal(cutout.mask, np.pad(np.ones((5, 7), bool), 1))
    np.testing.assert_array_equal(cutout.image[1:-1, 1:-1], image[4:9, 0:7])


def test_every_other_pasted_object_is_mirrored():
    cutout, hidden = Cutout(np.zeros((9, 9, 3), np.uint8), np.ones((9, 9), bool)), np.ones((9, 9))
    rngs = map(np.random.default_rng, range(60))
    places = [draw_place(rng, PASTING, cutout, hidden.astype(bool), 2)[0] for rng in rngs]
    assert 15 < sum(place[0, 0] < 0 for place in places) < 45
    assert all(place[1, 1] > 0 for place in places)


@random
@given(SEEDS)
def test_a_pasted_object_has_the_wanted_size_and_passes_in_front_of_the_hidden_one(seed):
    rng = np.random.default_rng(seed)
    hidden = np.zeros((200, 300), bool)
    hidden[80:120, 100:160] = True
    cutout = Cutout(np.zeros((50, 48, 3), np.uint8), np.ones((50, 48), bool))
    places = draw_place(rng, PASTING, cutout, hidden, 101)
    sides = np.sqrt(abs(np.linalg.det(places[:, :2, :2])) * 2400 / 2400)
    assert (0.7 - 1e-9 <= sides).all() and (sides <= 1.4 + 1e-9).all()
    middle = places @ [23.5, 24.5, 1]
    x, y = middle[:, 0], middle[:, 1]
    assert ((99 <= x) & (x <= 160) & (79 <= y) & (y <= 120)).any()
    assert np.ptp(x) <= 60 and np.ptp(y) <= 40


@pytest.mark.parametrize("size", [(110, 40), (70, 110), (96, 64)])
@pytest.mark.parametrize("fit", ["within", "exact", "centered"])
def test_a_still_at_rest_lies_where_a_frame_of_a_video_would(fit, size):
    """A frame that is centred keeps its proportions, with black borders."""
    geometry = frame_geometry(*size, Resizing(image_scale=SIZE, pad_multiple=32, fit=fit))
    rows, columns = np.mgrid[: size[1], : size[0]].astype(np.float32)
    image = np.stack([2 * columns, 2 * rows, np.full_like(rows, 200)], axis=-1).astype(np.uint8)
    seen = (geometry.width, geometry.height)
    moves = draw_transforms(np.random.default_rng(0), REST, 1, *seen)
    still = Still(image, np.ones((1, *image.shape[:2]), bool))
    clip = PseudoClip(still, moves @ view_transform(size, geometry), [], [])
    drawn = draw_frame(clip, 0, seen, (0, 0, 0)).image
    want = transform_image(image, geometry, flip=False)[: seen[1], : seen[0]]
    whole, outside = inner(want[..., 2] == 200), inner(want[..., 2] == 0)
    assert whole.mean() > 0.2 and np.abs(drawn[whole].astype(int) - want[whole]).max() <= 3
    assert (drawn[outside] == 0).all() and outside.any() == (fit == "centered" and size != SIZE)
