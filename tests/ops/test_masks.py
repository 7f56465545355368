import cv2
import jax
import jax.numpy as jnp
import numpy as np
from golden_folder import golden_arrays
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.ops.masks import (
    crop_masks,
    draw_masks,
    halve_masks,
    mask_centroids,
    mask_iou,
    quarter_masks,
    strided_masks,
    unpack_masks,
)

seeds = st.integers(0, 2**31)
crop = jax.jit(crop_masks, static_argnames="size")
draw = jax.jit(draw_masks, static_argnums=(2, 3))


def opencv_crop(mask, box, size):
    """The published sequence: truncate, slice, resize as uint8."""
    x1, y1, x2, y2 = box.astype(int)
    width, height = max(x2 - x1 + 1, 1), max(y2 - y1 + 1, 1)
    cut = mask[y1 : y1 + height, x1 : x1 + width].astype(np.uint8)
    return cv2.resize(cut, (size, size), interpolation=cv2.INTER_LINEAR)


def random_crops(seed, count=64, height=96, width=160):
    rng = np.random.default_rng(seed)
    masks = rng.random((4, height, width)) < rng.random((4, 1, 1))
    masks[0] = cv2.GaussianBlur(rng.random((height, width)), (0, 0), 5) > 0.5  # large blobs
    low = rng.uniform(0, (width - 1, height - 1), (count, 2))
    high = low + rng.uniform(-1, 1, (count, 2)) * rng.uniform(0, (width, height), (count, 2))
    low, high = np.minimum(low, high), np.maximum(low, high)
    boxes = np.clip(np.concatenate([low, high], 1), 0, (width, height) * 2).astype(np.float32)
    return masks, boxes, rng.integers(0, 4, count)


@settings(deadline=None)
@given(seed=seeds)
def test_unpacking_undoes_packing(seed):
    masks = np.random.default_rng(seed).random((2, 3, 5, 32)) < 0.5
    np.testing.assert_array_equal(unpack_masks(jnp.asarray(np.packbits(masks, axis=-1))), masks)


@settings(deadline=None, max_examples=30)
@given(seed=seeds)
def test_crops_equal_those_of_opencv_bit_for_bit(seed):
    masks, boxes, index = random_crops(seed)
    got = crop(np.packbits(masks, axis=-1), boxes, index, size=28)
    assert got.dtype == jnp.float32
    want = [opencv_crop(masks[i], box, 28) for box, i in zip(boxes, index, strict=True)]
    np.testing.assert_array_equal(got, want)


def test_crops_of_other_sizes_equal_those_of_opencv():
    masks, boxes, index = random_crops(0)
    for size in (14, 56):
        got = crop(np.packbits(masks, axis=-1), boxes, index, size=size)
        want = [opencv_crop(masks[i], box, size) for box, i in zip(boxes, index, strict=True)]
        np.testing.assert_array_equal(got, want)


def test_crops_of_a_whole_frame_equal_those_of_opencv():
    masks, _, index = random_crops(1, height=360, width=640)
    boxes = np.tile(np.float32([0, 0, 639.4, 359.9]), (len(index), 1))
    got = crop(np.packbits(masks, axis=-1), boxes[:4], index[:4], size=28)
    want = [opencv_crop(masks[i], boxes[0], 28) for i in index[:4]]
    np.testing.assert_array_equal(got, want)


def test_crops_equal_the_recorded_ones():
    golden = golden_arrays("cmasktrack_rcnn", "ops.npz")
    packed = np.packbits(golden["mask_target/gt"], axis=-1)
    got = crop(packed, golden["mask_target/boxes"], golden["mask_target/gt_index"], size=28)
    np.testing.assert_array_equal(got, golden["mask_target/out"])


def test_mask_targets_of_the_training_batch_equal_the_recorded_ones():
    golden = golden_arrays("cmasktrack_rcnn", "train.npz")
    got = [
        crop(
            golden[f"{image}/gt_masks_packed"],
            golden[f"{image}/rois_pos"],
            golden[f"{image}/rois_pos_gt"],
            size=28,
        )
        for image in ("img0", "img1")
    ]
    want = np.unpackbits(golden["mask_targets_packed"], axis=-1, count=28)
    np.testing.assert_array_equal(np.concatenate(got), want)


def test_a_box_outside_the_masks_or_of_nan_spoils_only_its_own_crop():
    masks, boxes, index = random_crops(2)
    packed = np.packbits(masks, axis=-1)
    clean = crop(packed, boxes, index, size=28)
    boxes[:4] = [[np.nan] * 4, [-50, -50, -20, -20], [1e9, 1e9, 2e9, 2e9], [90, 70, 20, 10]]
    index[:2] = (-7, 99)
    poisoned = np.asarray(crop(packed, boxes, index, size=28))
    np.testing.assert_array_equal(poisoned[4:], clean[4:])
    assert np.isin(poisoned, (0, 1)).all()


def test_a_halved_mask_is_set_where_three_of_four_pixels_are():
    masks = np.random.default_rng(0).random((3, 6, 16)) < 0.6
    sums = sum(masks[:, i::2, j::2].astype(int) for i in (0, 1) for j in (0, 1))
    got = halve_masks(jnp.asarray(np.packbits(masks, axis=-1)))
    np.testing.assert_array_equal(got, sums >= 3)
    assert {2, 3} <= set(sums.ravel().tolist())


def test_strided_masks_are_every_fourth_pixel_from_the_third():
    masks = np.random.default_rng(0).random((2, 3, 12, 32)) < 0.5
    packed = jnp.asarray(np.packbits(masks, axis=-1))
    np.testing.assert_array_equal(strided_masks(packed, 4), masks[..., 2::4, 2::4])


def test_centroids_are_mean_pixel_indices_and_zero_of_empty_masks():
    masks = np.random.default_rng(0).random((4, 40, 64)) < [[[0.5]], [[0.9]], [[0.01]], [[0]]]
    centroids, count = mask_centroids(jnp.asarray(np.packbits(masks, axis=-1)))
    np.testing.assert_array_equal(count, masks.sum((1, 2)))
    for mask, centroid in zip(masks[:3], centroids, strict=False):
        y, x = np.nonzero(mask)
        np.testing.assert_allclose(centroid, [x.mean(), y.mean()], rtol=1e-6)
    np.testing.assert_array_equal(centroids[3], 0)


def test_centroids_of_symmetric_masks_are_exact_however_large_they_are():
    masks = np.zeros((2, 1088, 1920), bool)
    masks[0], masks[1, 301:900, 700:1901] = True, True
    centroids, _ = mask_centroids(jnp.asarray(np.packbits(masks, axis=-1)))
    np.testing.assert_array_equal(centroids, [[959.5, 543.5], [1300, 600]])


def test_a_quarter_is_set_where_the_middle_of_its_cell_is():
    masks = np.random.default_rng(0).random((2, 8, 16)) < 0.7
    got = quarter_masks(np.packbits(masks, axis=-1))
    for n, y, x in np.ndindex(2, 2, 4):
        middle = masks[n, 4 * y + 1 : 4 * y + 3, 4 * x + 1 : 4 * x + 3]
        assert got[n, y, x] == middle.all()
    assert got.any() and not got.all()


def test_with_smoothing_two_empty_masks_are_the_same():
    masks = np.zeros((3, 4, 5), bool)
    masks[0, :2] = True
    found = mask_iou(masks, masks, smoothing=1e-6)
    assert found[1, 2] == 1 and found[0, 1] < 1e-6 and found[0, 0] == 1
    assert mask_iou(masks, masks)[1, 2] == 0


def naive_drawn(values, edges, y, x, stride):
    """One cell of a drawn mask, in float64."""
    left, top, right, bottom = np.float64(edges)
    row, column = stride * (y + 0.5), stride * (x + 0.5)
    if not (left <= column < right and top <= row < bottom):
        return 0.0
    rows, columns = values.shape
    i = np.clip((row - top) / (bottom - top) * rows - 0.5, 0, rows - 1)
    j = np.clip((column - left) / (right - left) * columns - 0.5, 0, columns - 1)
    above, before = min(int(i), rows - 2), min(int(j), columns - 2)
    around = np.float64(values[above : above + 2, before : before + 2])
    down, across = i - above, j - before
    return np.array([1 - down, down]) @ around @ np.array([1 - across, across])


def test_drawn_masks_are_grids_over_their_boxes_read_at_the_cells():
    values = np.random.default_rng(0).random((3, 7, 5)).astype(np.float32)
    edges = np.float32([[4, 2.5, 25, 30], [-8, 20, 12, 60], [0, 0, 0, 0]])
    drawn = np.asarray(draw(values, edges, (10, 12), 4))
    for n, y, x in np.ndindex(2, 10, 12):  # the second one sticks out
        want = naive_drawn(values[n], edges[n], y, x, 4)
        np.testing.assert_allclose(drawn[n, y, x], want, atol=1e-5)
    assert not drawn[2].any()  # a box without pixels
