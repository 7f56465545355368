"""Counts of objects and tracks that are taken for another class, by hand."""

import numpy as np
import pytest

from experiments.harness.class_errors import GROUPS, ObjectsInFrames, error_counts, error_tables

# One object in four frames of a video, another one in one frame of the next.
OBJECTS = ObjectsInFrames(
    videos=np.array([0, 0, 0, 0, 1]),
    tracks=np.array([3, 3, 3, 3, 5]),
    frames=np.array([0, 1, 2, 7, 1]),
    levels=np.array([0, 2, 1, 0, 2]),
    classes=np.array([1, 1, 1, 1, 0]),
)
WRONG = np.array([1, 0, 1, 0, 1])


def test_errors_are_counted_by_video_and_level_over_all_levels_and_by_track():
    assert GROUPS == ("no", "slight", "severe", "all", "tracks")
    assert error_counts(OBJECTS, WRONG, videos=3).tolist() == [
        [[1, 2], [0, 1], [1, 1], [2, 4], [1, 1]],
        [[0, 0], [0, 0], [1, 1], [1, 1], [1, 1]],
        [[0, 0], [0, 0], [0, 0], [0, 0], [0, 0]],
    ]


def test_a_track_has_the_class_of_most_of_its_frames_and_of_equals_the_smallest():
    tracks = GROUPS.index("tracks")
    by_most = error_counts(OBJECTS, np.array([1, 0, 1, 1, 0]), videos=2)
    assert by_most[:, tracks].tolist() == [[0, 1], [0, 1]]
    by_equals = error_counts(OBJECTS, np.array([2, 2, 1, 1, 0]), videos=2)
    assert by_equals[0, tracks].tolist() == [0, 1]


@pytest.mark.usefixtures("few_draws")
def test_shares_stand_beside_each_other_with_their_differences():
    right = error_counts(OBJECTS, OBJECTS.classes, videos=2)
    counts = np.array([[error_counts(OBJECTS, WRONG, videos=2)], [right]])
    tables, numbers = error_tables("name", "Title", ("first", "second"), counts, "Shares.")
    rows = {group: values for group, *values in tables[0].rows}
    assert [own.value for own in rows["all"]] == [0.6, 0]
    assert numbers["second"]["all"]["difference"] == -0.6
    assert tables[1].name == "name_differences" and "Shares." in tables[0].note
