import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from ovis_jax.analysis.survival import (
    LENGTHS,
    Outcome,
    count_outcomes,
    episode_outcomes,
    survived,
    survived_of_all,
    wilson_interval,
)

SEVERE = 2


def outcome(states, matched):
    """Of the only episode."""
    ((_, found),) = episode_outcomes(np.array(states), np.array(matched))
    return found


@pytest.mark.parametrize(
    ("matched", "want"),
    [
        ([4, 4, -1, -1, 4, 4], Outcome.SURVIVED),
        ([4, -1, -1, -1, -1, 4], Outcome.SURVIVED),
        ([7, 4, 9, 9, 4, 5], Outcome.SURVIVED),
        ([4, 5, -1, -1, 4, 4], Outcome.SWITCHED),
        ([4, 4, 4, 4, 5, 4], Outcome.SWITCHED),
        ([4, 4, 4, -1, -1, -1], Outcome.LOST),
        ([-1, -1, 4, 4, 4, 4], Outcome.UNTRACKED),
        ([-1, -1, -1, -1, -1, -1], Outcome.UNTRACKED),
    ],
)
def test_the_last_track_before_and_the_first_one_after_decide(matched, want):
    assert outcome([1, 1, SEVERE, SEVERE, 1, 1], matched) == want


def test_only_frames_up_to_the_neighbouring_episodes_count():
    states = [1, SEVERE, 1, SEVERE, 1]
    found = episode_outcomes(np.array(states), np.array([4, -1, -1, -1, 4]))
    assert [own for _, own in found] == [Outcome.LOST, Outcome.UNTRACKED]


def test_episodes_are_counted_by_severity_and_length():
    outcomes = []
    for length in (1, 3, 4, 17, 40):
        states = np.array([0] + [1] * length + [0])
        matched = np.array([2] + [-1] * length + [2])
        outcomes += episode_outcomes(states, matched)
    counts = count_outcomes(outcomes)
    assert counts[0, :, Outcome.SURVIVED].tolist() == [1, 0, 2, 0, 0, 2]
    assert counts.sum() == 5
    assert count_outcomes([]).shape == (3, len(LENGTHS), len(Outcome))


def test_what_was_never_tracked_cannot_survive():
    counts = np.zeros(len(Outcome), int)
    counts[[Outcome.UNTRACKED, Outcome.SURVIVED, Outcome.SWITCHED, Outcome.LOST]] = [5, 3, 2, 1]
    assert survived(counts).tolist() == [3, 6]
    assert survived_of_all(counts).tolist() == [3, 11]


@given(st.integers(1, 300), st.floats(0, 1))
def test_intervals_are_wilsons(trials, share):
    successes = round(share * trials)
    want = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    np.testing.assert_allclose(
        wilson_interval(successes, trials), [want.low, want.high], atol=1e-12
    )


def test_without_trials_there_is_no_interval():
    assert all(math.isnan(end) for end in wilson_interval(0, 0))
