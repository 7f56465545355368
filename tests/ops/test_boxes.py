import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_folder import golden_arrays
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.ops.boxes import EXCLUSIVE, INCLUSIVE, BoxConvention

corner = st.integers(0, 30)
side = st.integers(1, 20)
boxes = st.tuples(corner, corner, side, side).map(
    lambda b: np.array([b[0], b[1], b[0] + b[2], b[1] + b[3]], np.float32)
)
unit_deltas = st.tuples(*[st.floats(-3, 3, width=32)] * 4).map(lambda d: np.array(d, np.float32))
convention = pytest.mark.parametrize("inclusive", [True, False])


def naive_iou(a, b, inclusive):
    """Counts the whole pixels of integer boxes."""
    columns, rows = np.meshgrid(np.arange(-10, 70), np.arange(-10, 70))

    def covered(box):
        x1, y1, x2, y2 = box
        end = 1 if inclusive else 0
        return (columns >= x1) & (columns < x2 + end) & (rows >= y1) & (rows < y2 + end)

    a, b = covered(a), covered(b)
    return (a & b).sum() / max((a | b).sum(), 1)


@convention
@settings(deadline=None)
@given(a=boxes, b=boxes)
def test_overlap_of_integer_boxes_is_a_count_of_pixels(inclusive, a, b):
    got = BoxConvention(inclusive).iou(a[None], b[None])
    np.testing.assert_allclose(got, [[naive_iou(a, b, inclusive)]], rtol=1e-6)


@convention
def test_pairwise_overlap_has_a_row_per_first_and_a_column_per_second_box(inclusive):
    a = np.array([[0, 0, 9, 9], [5, 5, 8, 20], [40, 40, 50, 50]], np.float32)
    b = np.array([[0, 0, 9, 9], [6, 0, 9, 30]], np.float32)
    want = [[naive_iou(x, y, inclusive) for y in b] for x in a]
    np.testing.assert_allclose(BoxConvention(inclusive).iou(a, b), want, rtol=1e-6)


def test_overlap_equals_the_recorded_one():
    golden = golden_arrays("cmasktrack_rcnn", "ops.npz")
    got = INCLUSIVE.iou(golden["assign/gt"], golden["assign/boxes"])
    np.testing.assert_allclose(got, golden["assign/iou"], rtol=1e-6, atol=1e-7)


def test_empty_boxes_overlap_nothing_and_nan_boxes_spoil_only_their_row():
    good = jnp.array([[0.0, 0, 9, 9]])
    empty = jnp.array([[3.0, 3, 3, 8], [5, 5, 4, 4]])
    np.testing.assert_array_equal(EXCLUSIVE.iou(empty, empty), np.zeros((2, 2)))
    poisoned = jnp.concatenate([good, good * jnp.nan])
    np.testing.assert_array_equal(INCLUSIVE.iou(poisoned, good)[0], [1])


def test_areas_count_the_border_pixel_only_if_inclusive():
    box = jnp.array([2.0, 3, 5, 4])
    assert INCLUSIVE.areas(box) == 8
    assert EXCLUSIVE.areas(box) == 3


@convention
@settings(deadline=None)
@given(anchor=boxes, target=boxes)
def test_encoding_follows_its_definition(inclusive, anchor, target):
    end = 1.0 if inclusive else 0.0
    stds = (0.1, 0.1, 0.2, 0.2)
    (ax, ay, ax2, ay2), (tx, ty, tx2, ty2) = anchor.astype(float), target.astype(float)
    aw, ah, tw, th = ax2 - ax + end, ay2 - ay + end, tx2 - tx + end, ty2 - ty + end
    want = [
        ((tx + tx2) / 2 - (ax + ax2) / 2) / aw / 0.1,
        ((ty + ty2) / 2 - (ay + ay2) / 2) / ah / 0.1,
        np.log(tw / aw) / 0.2,
        np.log(th / ah) / 0.2,
    ]
    got = BoxConvention(inclusive).encode(anchor, target, stds=stds)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-5)


@convention
@settings(deadline=None)
@given(anchor=boxes, target=boxes)
def test_decoding_undoes_encoding(inclusive, anchor, target):
    stds = (0.1, 0.1, 0.2, 0.2)
    deltas = BoxConvention(inclusive).encode(anchor, target, stds=stds)
    got = BoxConvention(inclusive).decode(jnp.asarray(anchor), deltas, stds=stds)
    np.testing.assert_allclose(got, target, atol=1e-3)


@convention
@settings(deadline=None)
@given(anchor=boxes, deltas=unit_deltas)
def test_encoding_undoes_decoding(inclusive, anchor, deltas):
    target = BoxConvention(inclusive).decode(jnp.asarray(anchor), deltas)
    np.testing.assert_allclose(
        BoxConvention(inclusive).encode(anchor, target), deltas, rtol=1e-3, atol=1e-3
    )


def test_decoded_sizes_are_bounded_whatever_the_delta():
    anchor = jnp.array([0.0, 0, 9, 9])
    huge = INCLUSIVE.decode(anchor, jnp.array([0.0, 0, 1e9, -1e9]))
    np.testing.assert_allclose(huge[2] - huge[0] + 1, 10 * 1000 / 16, rtol=1e-4)
    np.testing.assert_allclose(huge[3] - huge[1] + 1, 10 * 16 / 1000, rtol=1e-3)


def test_codec_equals_the_recorded_one():
    golden = golden_arrays("cmasktrack_rcnn", "ops.npz")
    rois = golden["codec/rois"]
    decoded = INCLUSIVE.decode(rois, golden["codec/deltas"])
    np.testing.assert_allclose(decoded, golden["codec/decoded_unclipped"], rtol=1e-5, atol=5e-4)
    clipped = INCLUSIVE.clip(decoded, jnp.array([90, 150]))
    np.testing.assert_allclose(clipped, golden["codec/decoded"], rtol=1e-5, atol=5e-4)
    stds = (0.1, 0.1, 0.2, 0.2)
    encoded = INCLUSIVE.encode(rois, golden["codec/encode_gt"], stds=stds)
    np.testing.assert_allclose(encoded, golden["codec/encoded"], rtol=1e-5, atol=1e-5)


def test_class_boxes_equal_the_recorded_ones():
    golden = golden_arrays("cmasktrack_rcnn", "ops.npz")
    rois, deltas = golden["decode/rois"], golden["decode/deltas"].reshape(60, 26, 4)
    boxes = INCLUSIVE.decode(rois[:, None], deltas, stds=(0.1, 0.1, 0.2, 0.2))
    boxes = INCLUSIVE.clip(boxes, jnp.array([90, 150]))
    want = golden["decode/boxes"].reshape(60, 26, 4)
    np.testing.assert_allclose(boxes, want, rtol=1e-5, atol=1e-3)


def test_clipping_ends_at_the_last_pixel_if_inclusive_and_at_the_edge_if_not():
    boxes = jnp.array([[-5.0, -5, 300, 300], [3, 4, 5, 6]])
    size = jnp.array([90.0, 150.0])
    inclusive = INCLUSIVE.clip(boxes, size)
    np.testing.assert_array_equal(inclusive, [[0, 0, 149, 89], [3, 4, 5, 6]])
    exclusive = EXCLUSIVE.clip(boxes, size)
    np.testing.assert_array_equal(exclusive, [[0, 0, 150, 90], [3, 4, 5, 6]])


def test_gradients_of_the_codec_are_finite():
    anchor, target = jnp.array([0.0, 0, 9, 9]), jnp.array([2.0, 1, 20, 7])
    gradient = jax.grad(lambda d: INCLUSIVE.decode(anchor, d).sum())
    assert np.isfinite(gradient(jnp.array([0.1, 0, 50.0, -50.0]))).all()
    assert np.isfinite(jax.grad(lambda t: INCLUSIVE.encode(anchor, t).sum())(target)).all()


@convention
def test_overlaps_of_partners_are_the_diagonal_of_all_pairs(inclusive):
    a, b = np.random.default_rng(0).uniform(-5, 20, (2, 50, 4)).astype(np.float32)
    want = jnp.diagonal(BoxConvention(inclusive).iou(a, b))
    np.testing.assert_allclose(BoxConvention(inclusive).paired_iou(a, b), want, rtol=1e-6)


@pytest.mark.parametrize("inclusive", [True, False])
def test_generalised_iou_follows_its_definition(inclusive):
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 20, (2, 50, 2))
    a, b = np.concatenate([low, low + rng.uniform(1, 15, low.shape)], -1).astype(np.float32)
    for smoothing in (0.0, 1.0):
        got = BoxConvention(inclusive).paired_giou(a, b, smoothing=smoothing)
        for x, y, value in zip(a.astype(float), b.astype(float), got, strict=True):
            sides = [max(min(x[i + 2], y[i + 2]) - max(x[i], y[i]) + inclusive, 0) for i in (0, 1)]
            around = [max(x[i + 2], y[i + 2]) - min(x[i], y[i]) + inclusive for i in (0, 1)]
            areas = [np.prod(z[2:] - z[:2] + inclusive) for z in (x, y)]
            union = sum(areas) - np.prod(sides)
            want = (np.prod(sides) + smoothing) / (union + smoothing)
            np.testing.assert_allclose(value, want - 1 + union / np.prod(around), atol=1e-5)


def test_generalised_iou_of_empty_boxes_is_finite_and_has_a_finite_gradient():
    empty = jnp.ones((1, 4))
    other = jnp.array([[1.0, 1, 1, 1], [5, 5, 9, 9]])

    @jax.jit
    @jax.value_and_grad
    def total(x):
        return jnp.sum(EXCLUSIVE.paired_giou(x, other) * jnp.array([100, 1]))

    value, gradient = total(jnp.tile(empty, (2, 1)))
    np.testing.assert_allclose(value, 16 / 64 - 1)  # 0 for the first pair
    assert np.isfinite(gradient).all()


def test_distance_iou_follows_its_definition():
    rng = np.random.default_rng(0)
    low = rng.uniform(0, 20, (2, 50, 2))
    a, b = np.concatenate([low, low + rng.uniform(1, 15, low.shape)], -1).astype(np.float32)
    got = EXCLUSIVE.paired_diou(a, b)
    for x, y, value in zip(a.astype(float), b.astype(float), got, strict=True):
        sides = np.maximum(np.minimum(x[2:], y[2:]) - np.maximum(x[:2], y[:2]), 0)
        around = np.maximum(x[2:], y[2:]) - np.minimum(x[:2], y[:2])
        union = sum(np.prod(z[2:] - z[:2]) for z in (x, y)) - np.prod(sides)
        apart = (x[:2] + x[2:] - y[:2] - y[2:]) / 2
        want = np.prod(sides) / union - (apart**2).sum() / (around**2).sum()
        np.testing.assert_allclose(value, want, atol=1e-5)
    assert EXCLUSIVE.paired_diou(np.ones(4), np.ones(4)) == 0  # nothing at one place
