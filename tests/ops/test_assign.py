import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_folder import golden_arrays
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.ops.anchors import grid_anchors
from ovis_jax.ops.assign import IouThresholds, assign_by_iou, assign_points, sample
from ovis_jax.ops.boxes import EXCLUSIVE, INCLUSIVE, BoxConvention

seeds = st.integers(0, 2**31)
STRIDES = (4, 8, 16, 32, 64)
RPN = IouThresholds(positive=0.7, negative=0.3, claim=0.3)
ROI = IouThresholds(positive=0.5, negative=0.5, claim=0.5)
rules = pytest.mark.parametrize("rule", [RPN, ROI], ids=["rpn", "roi"])
assign = jax.jit(assign_by_iou, static_argnames=("thresholds", "convention"))
draw = jax.jit(sample, static_argnames=("num", "max_positive"))


def as_numbers(assignment):
    """The published notation: object + 1, 0 for background, -1 for ignored."""
    rest = np.where(assignment.negative, 0, -1)
    assert not np.any(np.asarray(assignment.positive) & assignment.negative)
    return np.where(assignment.positive, assignment.index + 1, rest)


def naive_assign(boxes, box_valid, targets, target_valid, rule, inclusive):
    """Box after box, then object after object, in float64."""
    iou, end = np.full((len(targets), len(boxes)), -1.0), float(inclusive)
    for n, a in np.argwhere(target_valid[:, None] & box_valid):
        low = np.maximum(targets[n, :2], boxes[a, :2]).astype(float)
        high = np.minimum(targets[n, 2:], boxes[a, 2:]).astype(float)
        overlap = np.prod(np.maximum(high - low + end, 0))
        areas = [np.prod(b[2:].astype(float) - b[:2] + end) for b in (targets[n], boxes[a])]
        iou[n, a] = overlap / (sum(areas) - overlap)
    numbers = np.full(len(boxes), -1)
    for a in np.flatnonzero(box_valid):
        if iou[:, a].max() < rule.negative:
            numbers[a] = 0
        if iou[:, a].max() >= rule.positive:
            numbers[a] = 1 + iou[:, a].argmax()
    for n in np.flatnonzero(target_valid):
        if iou[n].max() >= rule.claim:
            numbers[iou[n] == iou[n].max()] = n + 1
    return numbers


def random_scene(seed, num_boxes=60, num_targets=6):
    rng = np.random.default_rng(seed)

    def boxes(count):
        low = rng.integers(0, 30, (count, 2))
        return np.concatenate([low, low + rng.integers(2, 16, (count, 2))], 1).astype(np.float32)

    box_valid, target_valid = rng.random(num_boxes) < 0.8, rng.random(num_targets) < 0.7
    scene = boxes(num_boxes), box_valid, boxes(num_targets), target_valid
    scene[2][1] = scene[2][0]  # two objects at one place
    return scene


@rules
@pytest.mark.parametrize("inclusive", [True, False])
@settings(deadline=None, max_examples=50)
@given(seed=seeds)
def test_assignment_follows_its_definition(rule, inclusive, seed):
    scene = random_scene(seed)
    got = as_numbers(assign(*scene, thresholds=rule, convention=BoxConvention(inclusive)))
    np.testing.assert_array_equal(got, naive_assign(*scene, rule, inclusive))


def test_assignment_equals_the_recorded_one():
    golden = golden_arrays("cmasktrack_rcnn", "ops.npz")
    boxes, targets = golden["assign/boxes"], golden["assign/gt"]
    valid = np.ones(len(boxes), bool), np.ones(len(targets), bool)
    for rule, name in ((RPN, "assign/rpn"), (ROI, "assign/rcnn")):
        got = assign(boxes, valid[0], targets, valid[1], thresholds=rule, convention=INCLUSIVE)
        np.testing.assert_array_equal(as_numbers(got), golden[name])


def test_of_two_objects_that_claim_one_box_the_later_gets_it():
    golden = golden_arrays("cmasktrack_rcnn", "ops.npz")
    valid = np.ones(2, bool)
    boxes, targets = golden["assign/tie_boxes"], golden["assign/tie_gt"]
    got = assign(boxes, valid, targets, valid, thresholds=RPN, convention=INCLUSIVE)
    np.testing.assert_array_equal(as_numbers(got), golden["assign/tie_rpn"])


@pytest.mark.parametrize("image", ["img0", "img1"])
def test_anchors_of_a_training_image_are_assigned_as_recorded(image):
    golden = golden_arrays("cmasktrack_rcnn", "train.npz")
    frame_height, frame_width = golden["resized_bgr"].shape[2:4]
    height, width = (-(-side // 32) * 32 for side in (frame_height, frame_width))
    anchors = np.concatenate([grid_anchors(-(-height // s), -(-width // s), s) for s in STRIDES])
    inside = (anchors[:, :2] >= 0).all(1)
    inside &= (anchors[:, 2] < frame_width) & (anchors[:, 3] < frame_height)
    targets = golden[f"{image}/gt_bboxes"]
    got = assign(
        anchors, inside, targets, np.ones(len(targets), bool), thresholds=RPN, convention=INCLUSIVE
    )
    want = golden[f"{image}/anchor_assignment"]
    np.testing.assert_array_equal(as_numbers(got), np.where(want == -2, -1, want))


@pytest.mark.parametrize("image", ["img0", "img1"])
def test_proposals_of_a_training_image_are_assigned_as_recorded(image):
    golden = golden_arrays("cmasktrack_rcnn", "train.npz")
    boxes, targets = golden[f"{image}/proposals"][:, :4], golden[f"{image}/gt_bboxes"]
    valid = np.ones(len(boxes), bool), np.ones(len(targets), bool)
    got = assign(boxes, valid[0], targets, valid[1], thresholds=ROI, convention=INCLUSIVE)
    np.testing.assert_array_equal(as_numbers(got), golden[f"{image}/proposal_assignment"])


@rules
def test_invalid_boxes_and_objects_change_nothing(rule):
    scene = boxes, box_valid, targets, target_valid = random_scene(3)
    clean = as_numbers(assign(*scene, thresholds=rule, convention=INCLUSIVE))
    boxes[~box_valid], targets[~target_valid] = np.nan, np.nan
    poisoned = assign(*scene, thresholds=rule, convention=INCLUSIVE)
    np.testing.assert_array_equal(as_numbers(poisoned), clean)
    assert np.all((poisoned.index >= 0) & (poisoned.index < len(targets)))


@rules
def test_without_objects_every_valid_box_is_background(rule):
    boxes, box_valid, targets, _ = random_scene(4)
    got = assign(
        boxes,
        box_valid,
        targets,
        np.zeros(len(targets), bool),
        thresholds=rule,
        convention=INCLUSIVE,
    )
    np.testing.assert_array_equal(got.negative, box_valid)
    assert not got.positive.any()


def test_a_batch_is_assigned_image_by_image():
    scenes = [random_scene(seed) for seed in range(3)]
    batch = [jnp.stack(x) for x in zip(*scenes, strict=True)]
    together = jax.vmap(lambda *x: assign_by_iou(*x, thresholds=RPN, convention=INCLUSIVE))(*batch)
    for i, scene in enumerate(scenes):
        alone = as_numbers(assign(*scene, thresholds=RPN, convention=INCLUSIVE))
        np.testing.assert_array_equal(
            as_numbers(jax.tree.map(lambda x, i=i: x[i], together)), alone
        )


@settings(deadline=None, max_examples=50)
@given(seed=seeds, num_positive=st.integers(0, 60), num_negative=st.integers(0, 60))
def test_draws_have_the_wanted_sizes_and_come_from_the_candidates(seed, num_positive, num_negative):
    place = np.random.default_rng(seed).permutation(120)
    positive, negative = place < num_positive, place >= 120 - num_negative
    got = draw(jax.random.key(seed), positive, negative, num=32, max_positive=12)
    drawn_positive, drawn_negative = map(np.asarray, got)
    assert drawn_positive.sum() == min(num_positive, 12)
    assert drawn_negative.sum() == min(num_negative, 32 - drawn_positive.sum())
    assert not np.any(drawn_positive & ~positive) and not np.any(drawn_negative & ~negative)


def test_draws_are_fair_and_change_with_the_key():
    positive = np.arange(40) < 20
    keys = jax.random.split(jax.random.key(0), 2000)
    drawn = jax.vmap(lambda key: sample(key, positive, ~positive, 15, 5))(keys)
    frequency = np.asarray(drawn[0] | drawn[1]).mean(0)
    np.testing.assert_allclose(frequency[:20], 5 / 20, atol=0.05)
    np.testing.assert_allclose(frequency[20:], 10 / 20, atol=0.06)


def test_fewer_boxes_than_wanted_are_all_drawn():
    positive = np.array([True, False, False])
    got = draw(jax.random.key(0), positive, ~positive, num=32, max_positive=16)
    np.testing.assert_array_equal(got, [positive, ~positive])


def naive_assign_points(points, radius, ranges, targets, target_valid, centers=None, inclusive=1):
    """Point after point, object after object."""
    numbers = np.zeros(len(points), int)
    for a, (x, y) in enumerate(points):
        smallest = np.inf
        for n in np.flatnonzero(target_valid):
            x1, y1, x2, y2 = targets[n].astype(float)
            center = ((x1 + x2) / 2, (y1 + y2) / 2) if centers is None else centers[n].astype(float)
            near_x, near_y = abs(x - center[0]), abs(y - center[1])
            inside = x1 < x < x2 and y1 < y < y2 and max(near_x, near_y) < radius[a]
            longest = max(x - x1, y - y1, x2 - x, y2 - y)
            area = (x2 - x1 + inclusive) * (y2 - y1 + inclusive)
            if inside and ranges[a, 0] <= longest <= ranges[a, 1] and area < smallest:
                numbers[a], smallest = n + 1, area
    return numbers


@settings(deadline=None, max_examples=50)
@given(seed=seeds)
def test_points_find_the_smallest_object_around_whose_centre_they_lie(seed):
    rng = np.random.default_rng(seed)
    _, _, targets, valid = random_scene(seed, num_targets=8)
    targets[~valid] = np.nan
    points = rng.integers(0, 46, (80, 2)).astype(np.float32)
    radius = rng.choice(np.float32([4, 8, 12]), 80)
    ranges = np.float32([[-1, 8], [8, 100]])[rng.integers(0, 2, 80)]
    got = jax.jit(assign_points)(points, radius, ranges, targets, valid)
    want = naive_assign_points(points, radius, ranges, targets, valid)
    np.testing.assert_array_equal(as_numbers(got), want)


@settings(deadline=None, max_examples=20)
@given(seed=seeds)
def test_points_are_assigned_around_other_centres_by_the_exclusive_size(seed):
    rng = np.random.default_rng(seed)
    _, _, targets, valid = random_scene(seed, num_targets=8)
    centers = rng.integers(0, 46, (8, 2)).astype(np.float32) / 2
    targets[~valid], centers[~valid] = np.nan, np.nan
    points = rng.integers(0, 46, (80, 2)).astype(np.float32)
    radius, ranges = np.full(80, 12, np.float32), np.tile(np.float32([-1, 100]), (80, 1))
    got = around_centers(points, radius, ranges, targets, valid, centers)
    want = naive_assign_points(points, radius, ranges, targets, valid, centers, inclusive=0)
    np.testing.assert_array_equal(as_numbers(got), want)


@jax.jit
def around_centers(points, radius, ranges, targets, valid, centers):
    return assign_points(
        points, radius, ranges, targets, valid, centers=centers, convention=EXCLUSIVE
    )


def test_without_objects_all_points_are_background():
    got = assign_points(
        np.zeros((5, 2), np.float32),
        np.ones(5, np.float32),
        np.tile(np.float32([-1, 9]), (5, 1)),
        jnp.full((3, 4), jnp.nan),
        jnp.zeros(3, bool),
    )
    assert got.negative.all() and not got.positive.any()
