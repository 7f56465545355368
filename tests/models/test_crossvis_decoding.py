"""From points to detections, beside a sequential version in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.models.crossvis_decoding import in_original_frame, point_candidates, suppress
from ovis_jax.ops.points import grid_points

POINTS = [grid_points(4, 6, 8), grid_points(2, 3, 16)]
CLASSES, SIZE, SCALE = 3, (28.0, 44.0), np.float32([0.5, 0.25])


def scene(seed=0):
    """Probabilities [A, K] with ties, and distances [A, 4]."""
    rng = np.random.default_rng(seed)
    count = sum(map(len, POINTS))
    probs = np.round(rng.random((count, CLASSES)) ** 2, 2).astype(np.float32)
    return probs, rng.uniform(0, 25, (count, 4)).astype(np.float32)


def naive_candidates(probs, distances, threshold, per_level):
    """(probability, point, class, box) of each candidate, best first."""
    found, start = [], 0
    for level in POINTS:
        own = [
            (-float(probs[start + i, k]), start + i, k)
            for i in range(len(level))
            for k in range(CLASSES)
            if probs[start + i, k] > threshold
        ]
        for value, point, label in sorted(own)[:per_level]:
            x, y = level[point - start]
            left, top, right, bottom = distances[point].astype(float)
            found.append((value, point, label, (x - left, y - top, x + right, y + bottom)))
        start += len(level)
    return sorted(found, key=lambda candidate: candidate[0])


def naive_iou(a, b):
    sides = [max(min(a[i + 2], b[i + 2]) - max(a[i], b[i]), 0) for i in (0, 1)]
    shared = sides[0] * sides[1]
    areas = [(x[2] - x[0]) * (x[3] - x[1]) for x in (a, b)]
    return shared / (sum(areas) - shared)


def naive_survivors(candidates, nms_iou):
    kept = []
    for own in candidates:
        rivals = (x for x in kept if x[2] == own[2])
        if all(naive_iou(own[3], x[3]) <= nms_iou for x in rivals):
            kept.append(own)
    return kept


@jax.jit
def decode(probs, distances):
    candidates = point_candidates(
        probs, distances, POINTS, threshold=0.3, level_candidates=20, capacity=40
    )
    survivors = suppress(candidates, nms_iou=0.5, capacity=40)
    return candidates, survivors, in_original_frame(survivors, jnp.float32(SIZE), SCALE)


@pytest.mark.parametrize("seed", range(4))
def test_detections_follow_the_sequential_rule(seed):
    probs, distances = scene(seed)
    candidates, survivors, detections = jax.device_get(decode(probs, distances))
    want = naive_candidates(probs, distances, 0.3, 20)
    assert candidates.valid.sum() == len(want) and candidates.overflow == 0
    want = naive_survivors(want, 0.5)
    assert survivors.valid.sum() == len(want) > 5 and survivors.valid[: len(want)].all()
    np.testing.assert_array_equal(survivors.point[: len(want)], [x[1] for x in want])
    np.testing.assert_array_equal(survivors.labels[: len(want)], [x[2] for x in want])
    np.testing.assert_allclose(survivors.boxes[: len(want)], [x[3] for x in want], atol=1e-4)
    roots = [np.sqrt(-x[0]) for x in want]
    np.testing.assert_allclose(survivors.scores[: len(want)], roots, rtol=1e-6)
    limit = [SIZE[1] / SCALE[0], SIZE[0] / SCALE[1]] * 2
    boxes = np.clip(np.array([x[3] for x in want]) / np.tile(SCALE, 2), 0, limit)
    np.testing.assert_allclose(detections.boxes[: len(want)], boxes, atol=1e-3)


def test_more_candidates_and_survivors_than_slots_are_counted():
    probs, distances = scene()
    few = point_candidates(probs, distances, POINTS, threshold=0.3, level_candidates=20, capacity=6)
    all_, survivors, _ = decode(probs, distances)
    assert few.overflow == all_.valid.sum() - 6 > 0
    np.testing.assert_array_equal(few.scores, all_.scores[:6])
    kept = suppress(all_, nms_iou=0.5, capacity=4)
    assert kept.valid.all() and kept.overflow == survivors.valid.sum() - 4
    np.testing.assert_array_equal(kept.point, survivors.point[:4])


def test_fewer_candidates_than_slots_leave_the_others_empty():
    probs, distances = scene()
    found = point_candidates(probs, distances, POINTS, threshold=2, level_candidates=5, capacity=90)
    assert not found.valid.any() and found.overflow == 0
    survivors = suppress(found, nms_iou=0.5, capacity=100)
    assert survivors.valid.shape == (100,) and not survivors.valid.any()


def test_boxes_outside_the_frame_are_left_out_and_the_others_move_up():
    probs, distances = scene()
    _, survivors, _ = decode(probs, distances)
    boxes = survivors.boxes.at[0].set(jnp.array([-9.0, 3, -1, 9])).at[2].set(jnp.full(4, 5.0))
    found = in_original_frame(survivors.replace(boxes=boxes), jnp.float32(SIZE), SCALE)
    count = int(survivors.valid.sum()) - 2
    assert found.valid.sum() == count and found.valid[:count].all()
    np.testing.assert_array_equal(found.source[:2], survivors.point[np.array([1, 3])])
