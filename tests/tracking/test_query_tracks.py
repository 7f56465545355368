"""Queries of a whole video to tracks."""

import numpy as np

from ovis_jax.tracking.query_tracks import best_queries
from ovis_jax.tracking.rules import Track, mean_and_majority


def query(logits):
    logits = np.float32(logits)
    frames = tuple(range(len(logits)))
    rles = [{"size": [2, 2], "counts": f"mask {t}"} for t in frames]
    none = np.zeros(len(frames))
    return Track(frames, none, none.astype(int), logits, rles)


def softmax(x):
    return np.exp(x) / np.exp(x).sum()


def test_logits_are_averaged_over_frames_before_the_softmax():
    own = query([[3.0, 0.0, 1.0], [-1.0, 2.0, 1.0]])
    (track,) = best_queries([own], 1)
    assert np.isclose(track.scores, softmax(np.array([1.0, 1.0, 1.0]))[0]).all()
    assert track.rles == own.rles


def test_one_query_may_give_tracks_of_several_classes_best_first():
    own = [query([[2.0, 1.9, 0.0]]), query([[0.0, 0.5, 3.0]])]
    tracks = best_queries(own, 3)
    records = [mean_and_majority(track)[0] for track in tracks]
    want = [softmax(np.array([2.0, 1.9, 0.0]))[:2].tolist(), [softmax(np.array([0, 0.5, 3.0]))[1]]]
    np.testing.assert_allclose([score for score, _ in records], want[0] + want[1], rtol=1e-6)
    assert [label for _, label in records] == [0, 1, 1]


def test_equals_stand_in_the_order_of_queries_and_classes():
    tracks = best_queries([query([[1.0, 1.0, 0.0]]), query([[1.0, 1.0, 0.0]])], 3)
    assert [int(track.labels[0]) for track in tracks] == [0, 1, 0]


def test_a_video_without_frames_has_no_tracks():
    assert best_queries([], 20) == []
