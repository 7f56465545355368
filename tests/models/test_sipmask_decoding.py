import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.models.sipmask_decoding import best_points, suppress
from ovis_jax.ops.points import grid_points

POINTS = [grid_points(4, 5, 8), grid_points(2, 3, 16)]
COUNTS = [len(level) for level in POINTS]
SIZE = jnp.array([30.0, 38.0])
SCALE = 0.5


def predictions(seed=0):
    """Scores [A, K] and distances [A, 4]."""
    scores, distances = (jax.random.key(seed), jax.random.key(seed + 1))
    return (
        jax.random.uniform(scores, (sum(COUNTS), 3)),
        jax.random.uniform(distances, (sum(COUNTS), 4), minval=2.0, maxval=20.0),
    )


def boxes_of(distances):
    """All boxes [A, 4] in pixels of the original frame, with last pixels inside the frame."""
    places, distances = np.concatenate(POINTS), np.asarray(distances)
    boxes = np.concatenate([places - distances[:, :2], places + distances[:, 2:]], axis=1)
    return np.clip(boxes, 0, [37, 29, 37, 29]) / SCALE


def test_the_best_points_of_each_level_become_boxes_of_the_original_frame():
    scores, distances = predictions()
    got = best_points(scores, distances, POINTS, SIZE, SCALE, level_candidates=7)
    best = np.asarray(scores).max(axis=1)
    first = np.argsort(-best[: COUNTS[0]], kind="stable")[:7]
    want = np.concatenate([first, COUNTS[0] + np.arange(COUNTS[1])])
    np.testing.assert_array_equal(got.point, want)
    np.testing.assert_array_equal(got.scores, scores[want])
    np.testing.assert_allclose(got.boxes, boxes_of(distances)[want], rtol=1e-6)


def detections(nms_iou, capacity=200, score_threshold=0.4):
    scores, distances = predictions()
    best = best_points(scores, distances, POINTS, SIZE, SCALE, level_candidates=100)
    return suppress(
        best,
        score_threshold=score_threshold,
        nms_iou=nms_iou,
        class_candidates=100,
        capacity=capacity,
    )


def test_a_detection_has_the_box_and_the_score_of_its_source():
    got = jax.device_get(detections(nms_iou=0.5))
    scores, distances = predictions()
    source, valid = got.source[got.valid], got.valid
    assert 3 < valid.sum() < 60
    np.testing.assert_array_equal(got.scores[valid], scores[source, got.labels[valid]])
    np.testing.assert_allclose(got.boxes[valid], boxes_of(distances)[source], rtol=1e-6)
    assert (np.diff(got.scores[valid]) <= 0).all() and got.scores[valid].min() > 0.4


def test_a_greater_overlap_is_permitted_by_a_greater_threshold():
    counts = [int(detections(nms_iou).valid.sum()) for nms_iou in (0.1, 0.5, 1.0)]
    assert counts[0] < counts[1] < counts[2] == int((predictions()[0] > 0.4).sum())


def test_detections_without_a_slot_are_counted():
    every = int(detections(nms_iou=0.5).valid.sum())
    assert int(detections(nms_iou=0.5, capacity=3).overflow) == every - 3
