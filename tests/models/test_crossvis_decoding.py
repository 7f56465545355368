"""From points to detections, beside a sequential version in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.models.crossvis_decoding import (
    in_original_frame,
    point_candidates,
    points_of_boxes,
    suppress,
)
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


@functools.partial(jax.jit, static_argnames=("threshold", "candidates", "survivors"))
def decode(probs, distances, threshold=0.3, candidates=40, survivors=40):
    found = point_candidates(
        probs, distances, POINTS, threshold=threshold, level_candidates=20, capacity=candidates
    )
    kept = suppress(found, nms_iou=0.5, capacity=survivors)
    return found, kept, in_original_frame(kept, jnp.float32(SIZE), SCALE)


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
    scores = scene()
    candidates, survivors, _ = decode(*scores)
    few, kept, _ = decode(*scores, candidates=20, survivors=4)
    lost = candidates.valid.sum() - 20
    assert few.valid.all() and few.overflow == lost > 0
    np.testing.assert_array_equal(few.scores, candidates.scores[:20])
    assert kept.valid.all() and kept.overflow > lost
    np.testing.assert_array_equal(kept.point, survivors.point[:4])


def test_fewer_candidates_than_slots_leave_the_others_empty():
    candidates, survivors, detections = decode(*scene(), threshold=2.0, survivors=100)
    assert not candidates.valid.any() and candidates.overflow == survivors.overflow == 0
    assert detections.valid.shape == (100,) and not detections.valid.any()


def test_boxes_outside_the_frame_are_left_out_and_the_others_move_up():
    _, survivors, _ = jax.device_get(decode(*scene()))
    boxes = survivors.boxes.copy()
    boxes[0], boxes[2] = [-9, 3, -1, 9], 5
    moved = jax.jit(in_original_frame)(survivors.replace(boxes=boxes), np.float32(SIZE), SCALE)
    count = int(survivors.valid.sum()) - 2
    assert moved.valid.sum() == count and moved.valid[:count].all()
    np.testing.assert_array_equal(moved.source[:2], survivors.point[[1, 3]])


def test_the_point_of_a_box_is_the_nearest_of_the_level_for_its_size():
    ranges = ((-1, 8), (8, 16), (16, np.inf))
    points = [grid_points(16 // s, 32 // s, s) for s in (2, 4, 8)]
    boxes = np.array([[3, 3, 9, 9], [0, 0, 16, 4], [0, 0, 17, 3], [0, 0, 32, 32.5]], np.float32)
    found = points_of_boxes(jnp.array(boxes), points, ranges)
    places, levels = np.concatenate(points), np.repeat([0, 1, 2], [len(p) for p in points])
    for box, point in zip(boxes, found, strict=True):
        size, center = (box[2:] - box[:2]).max() / 2, (box[:2] + box[2:]) / 2
        level = next(i for i, (_, end) in enumerate(ranges) if size <= end)
        distances = np.linalg.norm(places - center, axis=1)
        assert levels[point] == level
        assert distances[point] == distances[levels == level].min()
