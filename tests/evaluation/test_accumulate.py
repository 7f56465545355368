import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.evaluation.accumulate import (
    MAX_DETECTIONS,
    RECALL_POINTS,
    accumulate,
    accumulate_surest,
)
from ovis_jax.evaluation.matching import IOU_THRESHOLDS, Matches


def random_matches(random: np.random.Generator, num_cells: int, sizes: list[int]) -> Matches:
    """Tracks of several videos with few different scores, each right, wrong or ignored."""
    shape = (num_cells, len(IOU_THRESHOLDS), sum(sizes))
    truth = random.integers(-1, 2, shape)
    scores = [np.sort(random.integers(0, 5, size) / 4)[::-1] for size in sizes]
    most = (truth >= 0).sum(-1).max(initial=0)
    return Matches(
        scores=np.concatenate([np.zeros(0), *scores]),
        ranks=np.concatenate([np.zeros(0, int), *map(np.arange, sizes)]),
        videos=np.repeat(np.arange(len(sizes)), sizes),
        truth=truth,
        ignored=random.random(shape) < 0.2,
        object_videos=np.zeros(most, int),
        wanted=np.repeat(random.random((num_cells, 1)) < 0.8, most, axis=1),
    )


def loop(matches: Matches, cell: int, threshold: int, limit: int) -> tuple:
    """Precision and scores at each recall point, and recall; None without objects."""
    positives = int(matches.wanted[cell].sum())
    if not positives:
        return None
    tracks = [
        (score, matches.truth[cell, threshold, i] >= 0, matches.ignored[cell, threshold, i])
        for i, score in enumerate(matches.scores)
        if matches.ranks[i] < limit
    ]
    right, wrong, curve = 0, 0, []
    for score, found, ignored in sorted(tracks, key=lambda track: -track[0]):
        right += int(found and not ignored)
        wrong += int(not found and not ignored)
        curve.append((right / positives, right / (right + wrong + np.spacing(1)), score))
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
    matches = random_matches(random, 2, sizes)
    curves = accumulate(matches)
    precision, recall = accumulate_surest(matches)
    np.testing.assert_array_equal(precision, curves.precision[:, -1])
    np.testing.assert_array_equal(recall, curves.recall)
    for cell, threshold, m in np.ndindex(2, 3, len(MAX_DETECTIONS)):
        want = loop(matches, cell, threshold, MAX_DETECTIONS[m])
        precision, scores, recall = (-1, -1, -1) if want is None else want
        place = cell, m, threshold
        np.testing.assert_allclose(curves.precision[place], precision, rtol=0, atol=1e-12)
        np.testing.assert_array_equal(curves.scores[place], scores)
        np.testing.assert_allclose(curves.recall[place], recall, rtol=0, atol=1e-12)


def test_a_recall_just_below_a_recall_point_is_not_enough():
    points = dict(zip((35, 50), RECALL_POINTS[[35, 50]], strict=True))
    assert points[35] > 0.35 and points[50] == 0.5
    found = np.zeros((1, len(IOU_THRESHOLDS), 20), int)
    found[..., 7:] = -1  # 7 of 20 objects: a recall of exactly 0.35
    matches = Matches(
        scores=np.linspace(1, 0, 20),
        ranks=np.arange(20),
        videos=np.zeros(20, int),
        truth=found,
        ignored=np.zeros(found.shape, bool),
        object_videos=np.zeros(20, int),
        wanted=np.ones((1, 20), bool),
    )
    precision = accumulate(matches).precision[0, -1, 0]
    assert precision[34] > 0.99 and precision[35] == 0
