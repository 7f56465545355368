import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.evaluation.matching import IOU_THRESHOLDS, match_tracks

OUTSIDE = np.zeros((1, 9), bool)


def match(iou, *, ignored=None, crowd=None) -> list[int]:
    """The object that each track is matched to at an IoU threshold of 0.5."""
    iou = np.array(iou, float)
    none = np.zeros(iou.shape[1], bool)
    crowd = none if crowd is None else np.array(crowd)
    ignored = none if ignored is None else np.array(ignored)
    scores = -np.arange(len(iou), dtype=float)
    matches = match_tracks(scores, iou, crowd, ignored[None], OUTSIDE[:, : len(iou)])
    return matches.truth[0, 0].tolist()


def test_the_surest_track_chooses_first():
    assert match([[0.6, 0.7], [0.55, 0.9]]) == [1, 0]


def test_of_equal_overlaps_the_later_object_wins():
    assert match([[0.7, 0.7, 0.6]]) == [1]


def test_ignored_objects_are_taken_only_if_no_other_is_left():
    assert match([[0.5, 0.9], [0.5, 0.9]], ignored=[False, True]) == [0, 1]


def test_a_crowd_is_found_again_and_again():
    ignored = crowd = [True]
    assert match([[0.8], [0.7], [0.4]], ignored=ignored, crowd=crowd) == [0, 0, -1]
    assert match([[0.8], [0.7]], ignored=ignored) == [0, -1]


def test_the_threshold_itself_suffices():
    assert match([[0.5], [0.6]]) == [0, -1]
    assert match([[np.nextafter(0.5, 0)]]) == [-1]


def loop(iou, ignored, crowd, threshold) -> list[int]:
    """One cell and threshold, object by object, in the order and with the stops of the rule."""
    order = sorted(range(len(ignored)), key=lambda g: ignored[g])
    taken, found = set(), []
    for row in iou:
        best, at = -1, min(threshold, 1 - 1e-10)
        for g in order:
            if g in taken and not crowd[g]:
                continue
            if best >= 0 and not ignored[best] and ignored[g]:
                break
            if row[g] >= at:
                best, at = g, row[g]
        found.append(best)
        taken.add(best)
    return found


@settings(deadline=None, max_examples=100)
@given(st.data(), st.integers(0, 6), st.integers(0, 5))
def test_all_cells_and_thresholds_follow_the_rule(data, num_tracks, num_objects):
    random = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1)))
    values = np.append(IOU_THRESHOLDS, [0.0, 0.97, 1.0])  # so that many are equal
    iou = random.choice(values, (num_tracks, num_objects))
    crowd = random.random(num_objects) < 0.2
    ignored = crowd | (random.random((4, num_objects)) < 0.4)
    outside = random.random((4, num_tracks)) < 0.5
    scores = np.sort(random.random(num_tracks))[::-1]
    matches = match_tracks(scores, iou, crowd, ignored, outside)
    for cell, threshold in np.ndindex(4, len(IOU_THRESHOLDS)):
        want = loop(iou, ignored[cell], crowd, IOU_THRESHOLDS[threshold])
        assert matches.truth[cell, threshold].tolist() == want
        dropped = [outside[cell, d] if g < 0 else ignored[cell, g] for d, g in enumerate(want)]
        assert matches.ignored[cell, threshold].tolist() == dropped
    np.testing.assert_array_equal(matches.num_positives, (~ignored).sum(1))
