import dataclasses

import cv2
import golden_folder
import numpy as np
import pytest

from ovis_jax.data.box_transforms import transform_boxes
from ovis_jax.data.mask_transforms import nearest_source, transform_mask
from ovis_jax.data.transforms import (
    CENTERED,
    Crop,
    Resizing,
    frame_geometry,
    resize_image,
    training_geometry,
    transform_image,
)
from ovis_jax.formats import rle
from ovis_jax.ops.normalise import normalise_frames

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)
SYSTEM = "cmasktrack_rcnn"


@pytest.mark.parametrize(
    "size, resized, canvas",
    [
        ((1920, 1080), (640, 360), (640, 384)),
        ((1080, 1920), (360, 640), (384, 640)),
        ((1280, 960), (480, 360), (480, 384)),
        ((864, 480), (640, 356), (640, 384)),  # 355.56 rounded
        ((500, 500), (360, 360), (384, 384)),
    ],
)
def test_frames_fit_into_the_scale_and_are_padded_to_the_multiple(size, resized, canvas):
    geometry = frame_geometry(*size, Resizing((640, 360), 32))
    assert (geometry.width, geometry.height) == resized
    assert (geometry.canvas_width, geometry.canvas_height) == canvas
    assert geometry.scale == (min(640 / max(size), 360 / min(size)),) * 2


@pytest.mark.parametrize(
    "size", [(1920, 1080), (1080, 1920), (640, 360), (400, 1080), (450, 1800), (853, 481)]
)
def test_frames_are_resized_as_opencv_does(size):
    geometry = frame_geometry(*size, Resizing((640, 360), 32))
    image = np.random.default_rng(0).integers(0, 255, (size[1], size[0], 3), np.uint8)
    want = cv2.resize(image, (geometry.width, geometry.height))
    np.testing.assert_array_equal(resize_image(image, geometry), want)


@pytest.mark.parametrize(
    "size, canvas", [((1280, 960), (640, 384)), ((500, 500), (384, 640)), ((9, 16), (384, 640))]
)
def test_training_has_one_canvas_for_each_orientation(size, canvas):
    geometry = training_geometry(*size, Resizing((640, 360), 32))
    assert (geometry.canvas_width, geometry.canvas_height) == canvas


def test_nearest_source_is_what_opencv_takes():
    rng = np.random.default_rng(0)
    for old, new in rng.integers(1, 1500, (300, 2)):
        row = np.arange(old, dtype=np.float32)[None]
        want = cv2.resize(row, (int(new), 1), interpolation=cv2.INTER_NEAREST)[0]
        np.testing.assert_array_equal(nearest_source(int(old), int(new)), want)


def test_boxes_are_inclusive_scaled_and_clipped_to_the_frame_size():
    geometry = frame_geometry(100, 60, Resizing((50, 30), 32))
    boxes = np.array([[10, 20, 30, 10], [90, 50, 20, 20], [0, 0, 1, 1]])
    got = transform_boxes(boxes, geometry, flip=False)
    np.testing.assert_array_equal(got, [[5, 10, 19.5, 14.5], [45, 25, 50, 30], [0, 0, 0, 0]])


def test_boxes_with_edges_are_scaled_in_each_axis_and_clipped_to_the_frame_size():
    stretched = Resizing((50, 15), 8, fit="exact", axis_scales=True)
    geometry = frame_geometry(100, 60, stretched)
    boxes = np.array([[10, 20, 30, 10], [90, 50, 20, 20], [0, 0, 1, 1]])
    got = transform_boxes(boxes, geometry, flip=False, inclusive=False)
    np.testing.assert_array_equal(got, [[5, 5, 20, 7.5], [45, 12.5, 50, 15], [0, 0, 0.5, 0.25]])


@pytest.mark.parametrize(("inclusive", "last"), [(True, 49), (False, 50)])
def test_flipping_boxes_twice_gives_them_back(inclusive, last):
    geometry = frame_geometry(100, 60, Resizing((50, 30), 32))
    boxes = np.array([[10, 20, 30, 10], [60, 40, 20, 20]], np.float32)
    there, back = (
        transform_boxes(boxes, geometry, flip=flip, inclusive=inclusive) for flip in (False, True)
    )
    mirrored = np.stack([last - back[:, 2], back[:, 1], last - back[:, 0], back[:, 3]], axis=1)
    np.testing.assert_array_equal(mirrored, there)


@pytest.mark.parametrize("size", [(1280, 720), (720, 1280), (64, 48), (640, 360)])
def test_exact_frames_are_stretched_to_one_size_with_one_canvas(size):
    stretched = Resizing((640, 360), 32, fit="exact", axis_scales=True)
    for make in (frame_geometry, training_geometry):
        geometry = make(*size, stretched)
        assert (geometry.width, geometry.height) == (640, 360)
        assert (geometry.canvas_width, geometry.canvas_height) == (640, 384)
        assert geometry.scale == (640 / size[0], 360 / size[1])


def test_a_scale_in_each_axis_is_the_ratio_of_the_rounded_sizes():
    geometry = frame_geometry(853, 480, Resizing((640, 360), axis_scales=True))
    assert (geometry.width, geometry.height) == (640, 360)
    assert geometry.scale == (640 / 853, 360 / 480)


@pytest.mark.parametrize(
    ("size", "within", "short_side"),
    [  # the same but for what is rounded away
        ((1024, 268), (640, 168), (640, 167)),
        ((268, 1024), (168, 640), (167, 640)),
        ((1920, 1080), (640, 360), (640, 360)),
        ((1080, 1920), (360, 640), (360, 640)),
        ((500, 500), (360, 360), (360, 360)),
        ((480, 640), (360, 480), (360, 480)),
    ],
)
def test_the_short_side_is_fitted_first(size, within, short_side):
    for fit, want in (("within", within), ("short_side", short_side)):
        geometry = frame_geometry(*size, Resizing((640, 360), fit=fit))
        assert (geometry.width, geometry.height) == want


def test_pillow_resizes_frames_with_antialiasing_and_masks_by_centres():
    """The definition: a triangle as wide as what shrinks into a pixel; rounded after each axis."""
    image = np.random.default_rng(0).integers(0, 256, (37, 53, 3), np.uint8)
    for size in ((31, 20), (72, 50), (53, 20), (5, 4)):
        resizing = Resizing(size, fit="exact", resampling="pillow", axis_scales=True)
        geometry = frame_geometry(53, 37, resizing)
        want = np.einsum("hwc,uh,vw->uvc", image, _triangles(37, size[1]), _triangles(53, size[0]))
        got = resize_image(image, geometry)
        assert got.dtype == np.uint8 and np.abs(got - want).max() <= 0.5 + 0.5
        mask = image[..., 0] > 127
        packed = transform_mask(rle.encode(mask), geometry, flip=False)
        x, y = (
            ((np.arange(new) + 0.5) * old / new).astype(int)
            for new, old in zip(size, (53, 37), strict=True)
        )
        small = np.unpackbits(packed, axis=1, count=size[0]).astype(bool)
        np.testing.assert_array_equal(small, mask[y][:, x])


def _triangles(old, new):
    """[new, old] float64: what each old pixel gives to each new one."""
    reach = max(old / new, 1)
    centres = (np.arange(new) + 0.5) * old / new
    weights = np.maximum(1 - np.abs(np.arange(old) + 0.5 - centres[:, None]) / reach, 0)
    return weights / weights.sum(1, keepdims=True)


def test_a_flip_mirrors_image_boxes_and_mask_alike():
    geometry = training_geometry(101, 67, Resizing((64, 48), 16))
    mask = np.zeros((67, 101), np.uint8)
    mask[20:40, 5:35] = 1
    image = np.repeat(mask[..., None] * np.uint8(255), 3, axis=2)
    for flip in (False, True):
        packed = transform_mask(rle.encode(mask.astype(bool)), geometry, flip=flip)
        small = np.unpackbits(packed, axis=1).astype(bool)
        bright = transform_image(image, geometry, flip=flip)
        bright = bright[..., 0] > 127
        assert small.shape == bright.shape == (48, 64)
        assert small[_inner(bright)].all() and bright[_inner(small)].all()
        (box,) = transform_boxes([[5, 20, 30, 20]], geometry, flip=flip)
        rows, columns = np.nonzero(small)
        edges = [columns.min(), rows.min(), columns.max(), rows.max()]
        np.testing.assert_allclose(box, edges, atol=1)
        assert (columns.min() > geometry.width / 2) == flip


def _inner(mask):
    """Without its outermost pixels: nearest and bilinear resizing differ by up to one."""
    return cv2.erode(mask.astype(np.uint8), np.ones((3, 3))).astype(bool)


def test_the_padding_is_zero():
    geometry = training_geometry(50, 40, Resizing((64, 48), 16))
    image = np.full((40, 50, 3), 200, np.uint8)
    got = transform_image(image, geometry, flip=True)
    assert got.dtype == np.uint8
    assert not got[geometry.height :].any() and not got[:, geometry.width :].any()
    assert (got[: geometry.height, : geometry.width] == 200).all()


def recorded_set():
    """Sizes of the recorded clip."""
    return golden_folder.golden_json(SYSTEM, "manifest.json")["set"]


def recorded_pairs():
    """Frames, flips and sizes of the recorded training batch."""
    return golden_folder.golden_json(SYSTEM, "train.json")


def test_resized_frames_equal_the_published_ones():
    inputs, setting = golden_folder.golden_arrays(SYSTEM, "inputs.npz"), recorded_set()
    frames = inputs["clip_rgb"]
    geometry = frame_geometry(*frames.shape[2:0:-1], Resizing(tuple(setting["img_scale"]), 32))
    assert geometry.scale == (setting["scale_factor"],) * 2
    height, width, _ = setting["img_shape"]
    for rgb, want in zip(frames, inputs["resized_bgr"], strict=True):
        got = transform_image(rgb, geometry, flip=False)
        assert got.shape == tuple(setting["pad_shape"])
        np.testing.assert_array_equal(got[:height, :width, ::-1], want)


@pytest.mark.parametrize("pair", [0, 1])
def test_network_input_equals_the_published_one(pair):
    train = golden_folder.golden_arrays(SYSTEM, "train.npz")
    flip = recorded_pairs()["pairs"][pair]["flip"]
    height, width = train["resized_bgr"].shape[2:4]
    # The recorded frames are resized already.
    geometry = frame_geometry(width, height, Resizing((width, height), 32))
    for i, name in enumerate(["net_input", "net_input_ref"]):
        image = train["resized_bgr"][pair, i][..., ::-1]
        canvas = transform_image(image, geometry, flip=flip)
        (got,) = normalise_frames(canvas[None], np.array([[height, width]]), MEAN, STD)
        got = got.transpose(2, 0, 1).ravel()[::17]
        np.testing.assert_allclose(got, train[f"img{pair}/{name}"], rtol=0, atol=3e-7)


@pytest.mark.parametrize("pair", [0, 1])
def test_boxes_and_masks_equal_the_published_ones(pair):
    train, recorded = golden_folder.golden_arrays(SYSTEM, "train.npz"), recorded_pairs()
    index = golden_folder.golden_arrays(SYSTEM, "inputs.npz")["index"]
    own = recorded["pairs"][pair]
    size = index.shape[2:0:-1]
    geometry, flip = (
        frame_geometry(*size, Resizing(tuple(recorded["train_scale"]), 32)),
        own["flip"],
    )
    query, reference = (_golden_objects(index[own[name]]) for name in ("frame", "reference"))
    if pair == 1:
        del reference[list(query)[1]]  # so was it recorded
    for objects, name in ((query, "gt_bboxes"), (reference, "ref_bboxes")):
        boxes = [_tight_box(mask) for mask in objects.values()]
        boxes = transform_boxes(boxes, geometry, flip=flip)
        np.testing.assert_array_equal(boxes, train[f"img{pair}/{name}"])
    masks = [transform_mask(rle.encode(mask), geometry, flip=flip) for mask in query.values()]
    np.testing.assert_array_equal(masks, train[f"img{pair}/gt_masks_packed"])


def _golden_objects(index):
    """Masks of one frame by number, as `golden/cmasktrack_rcnn/README.md` says."""
    masks = [index == k + 1 for k in range(5)] + [(index == 1) | (index == 3)]
    return {k: mask for k, mask in enumerate(masks) if mask.sum() >= 20}


def _tight_box(mask):
    rows, columns = np.nonzero(mask)
    x, y = columns.min(), rows.min()
    return x, y, columns.max() - x + 1, rows.max() - y + 1


def test_frames_are_decoded_at_half_their_size_where_half_the_pixels_are_wanted():
    small = frame_geometry(64, 48, Resizing((32, 24)))
    assert small.is_halved(64, 48) and not small.is_halved(62, 48)
    enlarged = frame_geometry(10, 10, Resizing((40, 40)))
    assert dataclasses.replace(enlarged, crop=Crop(small, 0, 0, 10, 10)).is_halved(64, 48)
    centered = frame_geometry(128, 96, Resizing((64, 48), fit=CENTERED))
    near = dataclasses.replace(centered, scale=(0.6, 0.6), middle=(64.0, 48.0))
    assert centered.is_halved(128, 96) and not near.is_halved(128, 96)
