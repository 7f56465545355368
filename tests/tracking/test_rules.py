"""One interface for the rules of all systems: a track's objects to scores and labels of records."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tracking.track_rules import every_likely_class, first_label, largest_is_one, share_of_pixels

from ovis_jax.tracking.rules import (
    Track,
    mean_and_majority,
    mean_classes_above,
    mean_of_classes,
    mean_of_detected,
)
from ovis_jax.tracking.tracklets import Tracklets


def track(scores, labels, class_scores=None):
    return Track(
        frames=tuple(range(len(scores))),
        scores=np.array(scores),
        labels=np.array(labels),
        class_scores=None if class_scores is None else np.float32(class_scores),
        rles=("mask",) * len(scores),
    )


@given(objects=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 4)), min_size=1))
def test_the_default_is_the_mean_score_and_the_most_frequent_label(objects):
    scores, labels = zip(*objects, strict=True)
    ((score, label),) = mean_and_majority(track(scores, labels))
    assert score == pytest.approx(sum(scores) / len(scores))
    assert label == min(set(labels), key=lambda x: (-labels.count(x), x))
    assert type(score) is float and type(label) is int


def test_a_sure_frame_outweighs_two_that_hesitate_if_means_of_classes_count():
    every = [[0.5, 0.4, 0.1], [0.5, 0.4, 0.1], [0.0, 0.9, 0.1]]
    own = track([0.5, 0.5, 0.9], [0, 0, 1], every)
    assert mean_and_majority(own)[0][1] == 0
    ((score, label),) = mean_of_classes(own)
    assert label == 1 and score == pytest.approx(1.7 / 3)
    assert type(score) is float and type(label) is int


def filled():
    """Two tracks over three frames with class scores of three classes."""
    tracklets = Tracklets()
    every = np.float32([[0.9, 0.1, 0], [0.1, 0.5, 0.4]])
    tracklets.add(0, [4, 2], [0.9, 0.5], [0, 1], ["a", "b"], every)
    tracklets.add(2, [2, 4], [0.7, 0.3], [2, 2], ["c", "d"], np.float32([[0, 0.1, 0.7], [0, 0, 0]]))
    return tracklets


def summary(records):
    return [(r["category_id"], round(r["score"], 6), r["segmentations"]) for r in records]


def test_frames_in_which_a_track_was_not_detected_may_count_for_nothing():
    own = track([0.5, 0.0, 0.7, 0.0, 0.0], [2, 1, 2, 1, 1])
    ((score, label),) = mean_of_detected(own)
    assert score == pytest.approx(0.6) and label == 2
    assert mean_of_detected(track([0.0], [1])) == []


def test_a_rule_may_give_a_track_several_records_or_none():
    found = summary(filled().records(1, 3, [10, 20, 30], every_likely_class))
    first, second = ["a", None, "d"], ["b", None, "c"]
    assert found == [
        (10, 0.45, first),  # the 0.05 of its second class is not above the threshold
        (20, 0.3, second),
        (30, 0.55, second),
    ]
    assert filled().records(1, 3, [10, 20, 30], lambda track: []) == []


def test_a_rule_may_take_the_first_label():
    found = summary(filled().records(1, 3, [10, 20, 30], first_label))
    assert [category for category, *_ in found] == [10, 20]
    assert [score for _, score, _ in found] == [0.6, 0.6]


def test_finished_tracks_are_what_the_records_are_made_of():
    tracklets = Tracklets()
    tracklets.add(0, [0, 1], [30, 10], [0, 0], ["a", "b"], np.float32([[9, 1, 5], [0, 2, 1]]))
    tracklets.add(1, [0], [50], [0], ["c"], np.float32([[9, 1, 5]]))
    tracklets.finish(largest_is_one)
    found = summary(tracklets.records(1, 2, [10, 20, 30], share_of_pixels))
    assert found == [(30, 1.0, ["a", "c"]), (20, 0.125, ["b", None])]


def test_finishing_may_join_and_drop_tracks():
    tracklets = filled()
    tracklets.finish(lambda tracks: tracks[1:])
    assert len(tracklets) == 1
    assert summary(tracklets.records(1, 3, [10, 20, 30])) == [(20, 0.6, ["b", None, "c"])]


def test_tracks_without_class_scores_have_none():
    tracklets = Tracklets()
    tracklets.add(3, [7], [0.5], [1], ["a"])
    (own,) = tracklets.tracks()
    assert own.class_scores is None and own.frames == (3,) and len(own) == 1


def test_a_track_has_a_record_for_each_class_whose_mean_is_above_the_threshold():
    own = track([0.9, 0.8], [0, 2], [[0.9, 0.08, 0.2], [0.1, 0.0, 0.8]])
    records = mean_classes_above(0.05)(own)
    assert [label for _, label in records] == [0, 2]
    assert [score for score, _ in records] == pytest.approx([0.5, 0.5])
    assert mean_classes_above(0.6)(own) == []
