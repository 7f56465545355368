import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.analysis.occlusion_episodes import (
    STATES,
    UNKNOWN,
    Episode,
    clear_after,
    clear_before,
    find_episodes,
    occlusion_states,
)

CLEAR, SLIGHT, SEVERE, HIDDEN = range(4)
LABELS = ("no_occlusion", "slight_occlusion", "severe_occlusion")


def states_of(text):
    """One letter a frame: c, s (slight), S (severe), h, and ? for unknown."""
    return np.array([{"?": UNKNOWN, "c": 0, "s": 1, "S": 2, "h": 3}[letter] for letter in text])


def found(text):
    return [(STATES[e.severity], e.start, e.stop) for e in find_episodes(states_of(text))]


def test_states_are_labels_and_gaps_between_masks():
    labels = [None, *LABELS, None, None, LABELS[0], None]
    areas = [0, 9, 9, 9, 0, 9, 9, 0]
    np.testing.assert_array_equal(occlusion_states(labels, areas), states_of("?csSh?c?"))


def test_a_label_without_a_mask_is_hidden_all_the_same():
    labels = [LABELS[0], LABELS[2], LABELS[0]]
    np.testing.assert_array_equal(occlusion_states(labels, [9, 0, 9]), states_of("chc"))


def test_without_labels_areas_tell():
    areas = [0, 100, 49, 100, 24, 100, 0, 100, 50]
    want = states_of("?cscSchcc")
    np.testing.assert_array_equal(occlusion_states(None, areas), want)
    np.testing.assert_array_equal(occlusion_states((None,) * 9, areas), want)


def test_an_object_that_is_never_visible_has_no_states():
    np.testing.assert_array_equal(occlusion_states(None, [0, 0]), [UNKNOWN, UNKNOWN])


def test_each_severity_has_episodes_of_its_own():
    assert found("csSShSsc") == [
        ("slight", 1, 7),
        ("severe", 2, 6),
        ("hidden", 4, 5),
    ]


def test_an_episode_needs_a_lesser_state_on_either_side():
    assert found("sscSc") == [("slight", 3, 4), ("severe", 3, 4)]
    assert found("?hc") == found("cs?c") == found("ccc") == []
    assert found("sSs") == [("severe", 1, 2)]


def test_what_lies_around_an_episode_ends_at_the_next_one():
    states = states_of("cSssSSc?c")
    severe = Episode(SEVERE, 4, 6)
    assert clear_before(states, severe) == slice(2, 4)
    assert clear_after(states, severe) == slice(6, 7)


@given(st.lists(st.integers(UNKNOWN, HIDDEN), max_size=14))
def test_episodes_are_the_longest_runs_with_known_sides(numbers):
    states = np.array(numbers, int)
    want = [
        Episode(severity, start, stop)
        for severity in (SLIGHT, SEVERE, HIDDEN)
        for start in range(1, len(states))
        for stop in range(start + 1, len(states))
        if (states[start:stop] >= severity).all()
        and UNKNOWN < states[start - 1] < severity
        and UNKNOWN < states[stop] < severity
    ]
    assert find_episodes(states) == want
