import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.analysis.identity import score_identity, tally_identity


def scores(own, chosen=None):
    chosen = np.ones(own.wanted.shape, bool) if chosen is None else chosen
    return {name: value[0] for name, value in vars(score_identity(own.sums(chosen[None]))).items()}


def tally(iou):
    iou = np.asarray(iou, float)
    frames, objects, tracks = iou.shape
    shown = np.ones((frames, objects), bool), np.ones((frames, tracks), bool)
    return tally_identity(iou, *shown, np.zeros((frames, objects), int), 1)


@given(st.integers(0, 2**32 - 1))
def test_no_other_choice_of_tracks_shows_objects_longer(seed):
    random = np.random.default_rng(seed)
    has_object, has_track = random.random((6, 3)) < 0.8, random.random((6, 4)) < 0.8
    iou = random.random((6, 3, 4)) * has_object[:, :, None] * has_track[:, None]
    found = scores(tally_identity(iou, has_object, has_track, np.zeros((6, 3), int), 1))
    shows = (iou >= 0.5).sum(axis=0)
    right = max(
        sum(shows[g, p] for g, p in enumerate(order))
        for order in itertools.permutations(range(4), 3)
    )
    wanted, shown = has_object.sum(), has_track.sum()
    assert found["idf1"] == pytest.approx(2 * right / (wanted + shown))
    assert found["idp"] == pytest.approx(right / shown)
    assert found["idr"] == pytest.approx(right / wanted)


def test_perfect_tracks_score_one():
    assert set(scores(tally(np.tile(np.eye(2), (3, 1, 1)))).values()) == {1.0}


def test_the_longer_part_of_a_broken_track_counts():
    iou = np.zeros((10, 1, 2))
    iou[:4, 0, 0], iou[4:, 0, 1] = 1, 1
    shown = np.ones((10, 1), bool), iou[:, 0] > 0
    found = scores(tally_identity(iou, *shown, np.zeros((10, 1), int), 1))
    assert found == pytest.approx({"idf1": 0.6, "idp": 0.6, "idr": 0.6})


def test_an_overlap_of_half_is_enough():
    assert scores(tally([[[0.5]], [[0.499]]]))["idr"] == 0.5


def test_levels_and_objects_are_counted_apart():
    iou = np.tile(np.eye(2), (4, 1, 1))
    iou[0, 0, 0] = 0  # missed while occluded
    levels = np.zeros((4, 2), int)
    levels[:2, 0] = 1
    shown = np.ones((4, 2), bool), np.ones((4, 2), bool)
    own = tally_identity(iou, *shown, levels, 2)
    np.testing.assert_array_equal(own.wanted, [[2, 4], [2, 0]])
    np.testing.assert_array_equal(own.right, [[2, 4], [1, 0]])
    assert own.wrong == 1
    assert scores(own, np.array([[False, False], [True, True]]))["idr"] == 0.5


def test_nothing_scores_zero():
    assert set(scores(tally(np.zeros((3, 0, 0)))).values()) == {0.0}
