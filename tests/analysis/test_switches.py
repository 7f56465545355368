import numpy as np

from ovis_jax.analysis.switches import tally_switches


def tally(matched, levels=None, num_levels=1, has_object=None):
    """Of one object's tracks, frame by frame."""
    matched = np.array(matched)[:, None]
    levels = np.zeros(matched.shape, int) if levels is None else np.array(levels)[:, None]
    shown = np.ones(matched.shape, bool) if has_object is None else np.array(has_object)[:, None]
    return tally_switches(matched, shown, levels, num_levels)


def counts(own):
    return {name: value[:, 0].tolist() for name, value in vars(own).items()}


def test_changes_are_switches_and_gaps_are_breaks():
    found = counts(tally([-1, 3, 3, -1, 3, 5, -1, -1, 7, -1]))
    assert found == {"switches": [2], "breaks": [2], "matched": [5], "wanted": [10]}


def test_frames_in_which_an_object_is_not_visible_break_nothing():
    found = counts(tally([3, -1, 3, -1, 3], has_object=[True, False, True, True, True]))
    assert found["breaks"] == [1] and found["switches"] == [0] and found["wanted"] == [4]


def test_an_event_belongs_to_the_level_of_the_frame_where_it_shows():
    found = counts(tally([3, 4, -1, 4], levels=[0, 1, 0, 2], num_levels=3))
    assert found["switches"] == [0, 1, 0] and found["breaks"] == [0, 0, 1]
    assert found["matched"] == [1, 1, 1] and found["wanted"] == [2, 1, 1]


def test_objects_without_a_switch_are_counted_among_the_matched_ones():
    matched = np.array([[0, 1, -1], [0, 2, -1]])
    own = tally_switches(matched, np.ones((2, 3), bool), np.zeros((2, 3), int), 1)
    sums = own.sums(np.array([[[True, True, True]], [[True, False, False]]]))
    assert sums.objects.tolist() == [3, 1]
    assert sums.tracked.tolist() == [2, 1]
    assert sums.steady.tolist() == [1, 1]
    assert sums.switches.tolist() == [1, 0]
