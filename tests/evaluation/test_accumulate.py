import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.evaluation.accumulate import MAX_DETECTIONS, RECALL_POINTS, accumulate
from ovis_jax.evaluation.matching import IOU_THRESHOLDS, Matches


def random_matches(random: np.random.Generator, num_cells: int, size: int) -> Matches:
    """Tracks of a video with few different scores, each right, wrong or ignored."""
    shape = (num_cells, len(IOU_THRESHOLDS), size)
    truth = random.integers(-1, 2, shape)
    return Matches(
        np.sort(random.integers(0, 5, size) / 4)[::-1],
        truth,
        random.random(shape) < 0.2,
        (truth >= 0).sum(-1).max(1) * (random.random(num_cells) < 0.8),
    )


def loop(videos: list[Matches], cell: int, threshold: int, limit: int) -> tuple:
    """Precision and scores at each recall point, and recall; None without objects."""
    positives = sum(int(m.num_positives[cell]) for m in videos)
    if not positives:
        return None
    tracks = [
        (float(m.scores[d]), int(m.truth[cell, threshold, d] >= 0))
        for m in videos
        for d in range(min(limit, len(m.scores)))
    ]
    ignored = [bool(i) for m in videos for i in m.ignored[cell, threshold, :limit]]
    order = sorted(range(len(tracks)), key=lambda i: -tracks[i][0])
    right, wrong, curve = 0, 0, []
    for i in order:
        right += tracks[i][1] and not ignored[i]
        wrong += not tracks[i][1] and not ignored[i]
        curve.append((right / positives, right / (right + wrong + np.spacing(1)), tracks[i][0]))
    precision, scores = [], []
    for point in RECALL_POINTS:
        rest = [entry for entry in enumerate(curve) if entry[1][0] >= point]
        precision.append(max((p for _, (_, p, _) in rest), default=0))
        scores.append(rest[0][1][2] if rest else 0)
    return precision, scores, right / positives


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), sizes=st.lists(st.integers(0, 13), max_size=3))
def test_curves_follow_their_definition(seed, sizes):
    random = np.random.default_rng(seed)
    videos = [random_matches(random, 2, size) for size in sizes]
    curves = accumulate(videos, 2)
    for cell, threshold, m in np.ndindex(2, 3, len(MAX_DETECTIONS)):
        want = loop(videos, cell, threshold, MAX_DETECTIONS[m])
        precision, scores, recall = (-1, -1, -1) if want is None else want
        place = cell, m, threshold
        np.testing.assert_allclose(curves.precision[place], precision, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(curves.scores[place], scores)
        np.testing.assert_allclose(curves.recall[place], recall, rtol=0, atol=1e-12)


def test_a_recall_just_below_a_recall_point_is_not_enough():
    points = dict(zip((35, 50), RECALL_POINTS[[35, 50]], strict=True))
    assert points[35] > 0.35 and points[50] == 0.5
    right = np.zeros((1, len(IOU_THRESHOLDS), 20), int)
    right[..., 7:] = -1  # 7 of 20 objects: a recall of exactly 0.35
    matches = Matches(np.linspace(1, 0, 20), right, np.zeros(right.shape, bool), np.array([20]))
    precision = accumulate([matches], 1).precision[0, -1, 0]
    assert precision[34] > 0.99 and precision[35] == 0
