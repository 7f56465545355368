import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.analysis.frame_matching import match_frames


def match(iou, memory=1):
    iou = np.asarray(iou, float)
    frames, objects, tracks = iou.shape
    shown = np.ones((frames, objects), bool), np.ones((frames, tracks), bool)
    return match_frames(iou, *shown, memory)


def worth(iou, tracks, before):
    """How many objects keep their track, and the sum of their overlaps; -1 where not allowed."""
    pairs = [(g, p) for g, p in enumerate(tracks) if p >= 0]
    if any(iou[pair] < 0.5 for pair in pairs):
        return -1.0
    return sum(1000.0 * (before[g] == p) + iou[g, p] for g, p in pairs)


@given(st.integers(0, 2**32 - 1))
def test_each_frame_is_matched_as_well_as_can_be_after_the_one_before(seed):
    random = np.random.default_rng(seed)
    iou = random.random((5, 2, 3))
    found = match(iou)
    before = [-1, -1]
    choices = [
        own
        for own in itertools.product(range(-1, 3), repeat=2)
        if own in {(-1, -1)} or own[0] != own[1]
    ]
    for frame, own in enumerate(found.tolist()):
        best = max(worth(iou[frame], choice, before) for choice in choices)
        assert worth(iou[frame], own, before) == pytest.approx(best)
        before = own


def test_a_track_is_kept_though_another_one_overlaps_more():
    iou = [[[0.6, 0.0]], [[0.6, 0.9]], [[0.4, 0.9]], [[0.6, 0.9]]]
    np.testing.assert_array_equal(match(iou)[:, 0], [0, 0, 1, 1])


def test_with_memory_an_object_finds_back_to_its_track():
    iou = [[[0.6, 0.0]], [[0.4, 0.0]], [[0.4, 0.0]], [[0.6, 0.9]]]
    np.testing.assert_array_equal(match(iou, memory=2)[:, 0], [0, -1, -1, 1])
    np.testing.assert_array_equal(match(iou, memory=3)[:, 0], [0, -1, -1, 0])


def test_frames_without_any_track_are_passed_over():
    iou = np.array([[[0.6, 0.0]], [[0.0, 0.0]], [[0.6, 0.9]]])
    has_object = np.ones((3, 1), bool)
    has_track = np.array([[1, 0], [0, 0], [1, 1]], bool)
    np.testing.assert_array_equal(match_frames(iou, has_object, has_track)[:, 0], [0, -1, 0])


def test_of_two_objects_that_share_a_track_one_takes_another():
    np.testing.assert_array_equal(match([[[0.9, 0.6], [0.8, 0.0]]]), [[1, 0]])


def test_nobody_is_matched_without_tracks():
    np.testing.assert_array_equal(match(np.zeros((2, 1, 0))), [[-1], [-1]])
    assert match(np.zeros((2, 0, 3))).shape == (2, 0)
