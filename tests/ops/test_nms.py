import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_folder import golden_arrays
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.ops.boxes import EXCLUSIVE, INCLUSIVE, BoxConvention
from ovis_jax.ops.nms import fast_nms, nms

seeds = st.integers(0, 2**31)
suppress = jax.jit(nms, static_argnames=("iou_threshold", "convention"))


def naive_nms(boxes, scores, valid, thresholds, inclusive, groups):
    """One box after the other, best first; each suppresses beyond its own threshold."""
    boxes, end = boxes.astype(np.float64), float(inclusive)
    keep = []
    for i in sorted(np.flatnonzero(valid), key=lambda i: (-scores[i], i)):
        for j in keep:
            low, high = (
                np.maximum(boxes[i, :2], boxes[j, :2]),
                np.minimum(boxes[i, 2:], boxes[j, 2:]),
            )
            overlap = np.prod(np.maximum(high - low + end, 0))
            union = sum(np.prod(boxes[k, 2:] - boxes[k, :2] + end) for k in (i, j)) - overlap
            if groups[i] == groups[j] and overlap > thresholds[j] * union:
                break
        else:
            keep.append(i)
    return np.isin(np.arange(len(boxes)), keep)


def random_boxes(rng, count, extent=40):
    """Integer corners: overlaps are exact in float32; few scores: ties are common."""
    low = rng.integers(0, extent, (count, 2))
    boxes = np.concatenate([low, low + rng.integers(1, 20, (count, 2))], axis=1).astype(np.float32)
    return boxes, rng.integers(0, 12, count).astype(np.float32) / 16


@pytest.mark.parametrize("inclusive", [True, False])
@settings(deadline=None, max_examples=50)
@given(seed=seeds)
def test_survivors_are_those_of_the_sequential_algorithm(inclusive, seed):
    rng = np.random.default_rng(seed)
    boxes, scores = random_boxes(rng, 60)
    valid, groups = rng.random(60) < 0.8, rng.integers(0, 3, 60)
    got = suppress(boxes, scores, valid, 0.375, convention=BoxConvention(inclusive), groups=groups)
    want = naive_nms(boxes, scores, valid, np.full(60, 0.375), inclusive, groups)
    np.testing.assert_array_equal(got, want)


@settings(deadline=None, max_examples=50)
@given(seed=seeds)
def test_a_box_suppresses_beyond_its_density_if_that_is_above_the_threshold(seed):
    rng = np.random.default_rng(seed)
    boxes, scores = random_boxes(rng, 60, extent=20)
    valid, groups = rng.random(60) < 0.8, rng.integers(0, 2, 60)
    densities = rng.integers(0, 9, 60).astype(np.float32) / 8
    rule = dict(convention=INCLUSIVE, groups=groups)
    got = suppress(boxes, scores, valid, 0.375, densities=densities, **rule)
    want = naive_nms(boxes, scores, valid, np.maximum(densities, 0.375), True, groups)
    np.testing.assert_array_equal(got, want)
    below = suppress(boxes, scores, valid, 0.375, densities=np.minimum(densities, 0.375), **rule)
    np.testing.assert_array_equal(below, suppress(boxes, scores, valid, 0.375, **rule))


def test_survivors_equal_the_recorded_ones():
    golden = golden_arrays("cmasktrack_rcnn", "ops.npz")
    boxes, scores = golden["nms/dets"][:, :4], golden["nms/dets"][:, 4]
    for threshold, name in ((0.5, "nms/keep_5"), (0.7, "nms/keep_7")):
        keep = suppress(boxes, scores, np.ones(len(boxes), bool), threshold, convention=INCLUSIVE)
        kept = np.flatnonzero(keep)
        np.testing.assert_array_equal(kept[np.argsort(-scores[kept])], golden[name])


def test_detections_by_class_equal_the_recorded_ones():
    golden = golden_arrays("cmasktrack_rcnn", "ops.npz")
    probs = golden["decode/scores"][:, 1:]
    boxes = golden["decode/boxes"].reshape(60, 26, 4)[:, 1:]
    row, label = np.nonzero(probs > 0.05)
    boxes, scores = boxes[row, label], probs[row, label]
    keep = suppress(boxes, scores, np.ones(len(row), bool), 0.5, convention=INCLUSIVE, groups=label)
    best = np.flatnonzero(keep)
    best = best[np.argsort(-scores[best])][:20]
    np.testing.assert_array_equal(scores[best], golden["decode/det_20"][:, 4])
    np.testing.assert_array_equal(boxes[best], golden["decode/det_20"][:, :4])
    np.testing.assert_array_equal(label[best], golden["decode/labels_20"])


def test_a_long_chain_of_suppression_settles():
    left = np.arange(0, 400, 4, dtype=np.float32)
    boxes = np.stack(
        [left, 0 * left, left + 9, 0 * left + 9], axis=1
    )  # each overlaps its neighbour
    keep = suppress(boxes, -left, np.ones(100, bool), 0.4, convention=INCLUSIVE)
    np.testing.assert_array_equal(keep, np.arange(100) % 2 == 0)


def test_only_an_overlap_strictly_above_the_threshold_suppresses():
    boxes = np.array([[0, 0, 10, 10], [0, 0, 10, 5]], np.float32)  # IoU exactly 0.5
    scores, valid = np.array([0.9, 0.8], np.float32), np.ones(2, bool)
    assert suppress(boxes, scores, valid, 0.5, convention=EXCLUSIVE).all()
    assert not suppress(boxes, scores, valid, 0.4999, convention=EXCLUSIVE).all()


def test_of_equal_scores_the_lower_index_survives():
    boxes = np.tile(np.float32([0, 0, 10, 10]), (4, 1))
    keep = suppress(
        boxes, np.float32([0.5, 0.7, 0.7, 0.5]), np.ones(4, bool), 0.5, convention=INCLUSIVE
    )
    np.testing.assert_array_equal(keep, [False, True, False, False])


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_order_of_the_boxes_does_not_matter(seed):
    rng = np.random.default_rng(seed)
    boxes, _ = random_boxes(rng, 60)
    scores, valid, order = (
        rng.permutation(60).astype(np.float32),
        np.ones(60, bool),
        rng.permutation(60),
    )
    keep = suppress(boxes, scores, valid, 0.5, convention=INCLUSIVE)
    permuted = suppress(boxes[order], scores[order], valid, 0.5, convention=INCLUSIVE)
    np.testing.assert_array_equal(permuted, np.asarray(keep)[order])


def test_invalid_slots_neither_survive_nor_suppress():
    rng = np.random.default_rng(0)
    boxes, scores = random_boxes(rng, 60)
    valid = rng.random(60) < 0.5
    clean = suppress(boxes, scores, valid, 0.5, convention=INCLUSIVE)
    boxes[~valid], scores[~valid] = np.nan, np.nan
    poisoned = suppress(boxes, scores, valid, 0.5, convention=INCLUSIVE)
    np.testing.assert_array_equal(poisoned, clean)
    assert not np.any(np.asarray(poisoned) & ~valid)


def test_a_batch_is_suppressed_image_by_image():
    rng = np.random.default_rng(1)
    boxes, scores = zip(*[random_boxes(rng, 60) for _ in range(3)], strict=True)
    boxes, scores, valid = jnp.stack(boxes), jnp.stack(scores), jnp.ones((3, 60), bool)
    together = jax.vmap(lambda *x: nms(*x, 0.5, convention=INCLUSIVE))(boxes, scores, valid)
    alone = [
        suppress(*x, 0.5, convention=INCLUSIVE) for x in zip(boxes, scores, valid, strict=True)
    ]
    np.testing.assert_array_equal(together, alone)


def test_nothing_valid_means_nothing_kept():
    boxes, scores = random_boxes(np.random.default_rng(2), 60)
    assert not suppress(boxes, scores, np.zeros(60, bool), 0.5, convention=INCLUSIVE).any()


fast = jax.jit(
    fast_nms, static_argnames=("iou_threshold", "score_threshold", "candidates", "capacity")
)


def naive_fast_nms(boxes, scores, candidates, thresholds):
    """Class after class: a box falls by any better one, also by one that fell itself."""
    boxes, found = boxes.astype(np.float64), []
    for label in range(scores.shape[1]):
        order = sorted(range(len(boxes)), key=lambda i: (-scores[i, label], i))[:candidates]
        for rank, i in enumerate(order):
            falls = False
            for j in order[:rank]:
                low = np.maximum(boxes[i, :2], boxes[j, :2])
                high = np.minimum(boxes[i, 2:], boxes[j, 2:])
                overlap = np.prod(np.maximum(high - low, 0))
                union = sum(np.prod(boxes[k, 2:] - boxes[k, :2]) for k in (i, j)) - overlap
                falls |= bool(overlap > thresholds[j] * union)
            if not falls and scores[i, label] > 0.25:
                found.append((-scores[i, label], label, rank, i))
    return [(i, label) for _, label, _, i in sorted(found)]


@settings(deadline=None, max_examples=30)
@given(seed=seeds)
def test_fast_nms_follows_its_definition(seed):
    rng = np.random.default_rng(seed)
    boxes, _ = random_boxes(rng, 30)
    scores = rng.integers(0, 12, (30, 3)).astype(np.float32) / 16
    found = fast(boxes, scores, 0.375, 0.25, candidates=20, capacity=12)
    want = naive_fast_nms(boxes, scores, 20, np.full(30, 0.375))
    index, labels = found.index[found.valid], found.labels[found.valid]
    assert list(zip(index.tolist(), labels.tolist(), strict=True)) == want[:12]
    np.testing.assert_array_equal(found.scores[found.valid], scores[index, labels])
    np.testing.assert_array_equal(found.valid, np.arange(12) < len(want))
    assert found.overflow == max(len(want) - 12, 0)


@settings(deadline=None, max_examples=30)
@given(seed=seeds)
def test_in_fast_nms_too_a_box_drops_others_beyond_its_density(seed):
    rng = np.random.default_rng(seed)
    boxes, _ = random_boxes(rng, 30, extent=20)
    scores = rng.integers(0, 12, (30, 3)).astype(np.float32) / 16
    densities = rng.integers(0, 9, 30).astype(np.float32) / 8
    sizes = dict(candidates=20, capacity=40)
    found = fast(boxes, scores, 0.375, 0.25, densities=densities, **sizes)
    want = naive_fast_nms(boxes, scores, 20, np.maximum(densities, 0.375))
    index, labels = found.index[found.valid], found.labels[found.valid]
    assert list(zip(index.tolist(), labels.tolist(), strict=True)) == want[:40]
    low = np.minimum(densities, 0.375)
    below = fast(boxes, scores, 0.375, 0.25, densities=low, **sizes)
    plain = fast(boxes, scores, 0.375, 0.25, **sizes)
    jax.tree.map(np.testing.assert_array_equal, below, plain)


def test_of_two_empty_boxes_fast_nms_drops_the_worse_one():
    boxes = np.float32([[3, 3, 3, 3], [7, 7, 7, 7], [1, 1, 4, 4]])
    scores = np.float32([[0.9], [0.8], [0.7]])
    found = fast(boxes, scores, 0.5, 0.1, candidates=3, capacity=3)
    assert found.index[found.valid].tolist() == [0, 2]


def test_without_a_threshold_fast_nms_keeps_negative_scores_but_no_box_that_is_no_candidate():
    boxes = np.float32([[0, 0, 4, 4], [9, 9, 12, 12], [20, 20, 25, 25], [0, 0, 4, 4.1]])
    scores = np.float32([[-0.5], [-2.0], [-np.inf], [-0.4]])
    found = fast(boxes, scores, 0.5, -np.inf, candidates=4, capacity=6)
    assert found.index[found.valid].tolist() == [3, 1] and found.overflow == 0
    np.testing.assert_array_equal(found.scores, np.float32([-0.4, -2, 0, 0, 0, 0]))
