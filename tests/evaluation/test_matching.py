import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.evaluation.groups import within_area
from ovis_jax.evaluation.matching import IOU_THRESHOLDS, Matches, match_category
from ovis_jax.evaluation.objects import Objects
from ovis_jax.evaluation.overlaps import Overlaps

CELLS = 4  # one for each area range


def objects(videos, crowd, ignored) -> Objects:
    zeros = np.zeros(len(videos))
    return Objects((None,) * len(videos), np.array(videos), crowd, zeros, zeros, ignored)


def overlaps(iou, areas=None) -> Overlaps:
    """Tracks in the order of their scores."""
    size = len(iou)
    areas = np.zeros(size) if areas is None else areas
    return Overlaps(
        entries=np.arange(size),
        scores=-np.arange(size, dtype=float),
        categories=np.ones(size, int),
        areas=areas,
        iou=iou,
    )


def match(iou, *, ignored=None, crowd=None) -> list[int]:
    """The object that each track is matched to at an IoU threshold of 0.5."""
    iou = np.array(iou, float)
    none = np.zeros(iou.shape[1], bool)
    crowd = none if crowd is None else np.array(crowd)
    ignored = np.broadcast_to(none if ignored is None else ignored, (CELLS, iou.shape[1]))
    own = objects([1] * iou.shape[1], crowd, ignored)
    return match_category([(1, overlaps(iou))], own).truth[0, 0].tolist()


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


@settings(deadline=None, max_examples=150)
@given(
    seed=st.integers(0, 2**32 - 1),
    sizes=st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), min_size=1, max_size=3),
    one_choice=st.booleans(),
)
def test_all_cells_and_thresholds_follow_the_rule(seed, sizes, one_choice):
    random = np.random.default_rng(seed)
    ious = [random_iou(random, *size, one_choice) for size in sizes]
    areas = [random.choice([0, 150**2, 300**2], len(iou)) for iou in ious]
    videos = [3 * k for k, iou in enumerate(ious) for _ in range(iou.shape[1])]
    crowd = random.random(len(videos)) < 0.2
    ignored = crowd | (random.random((CELLS, len(videos))) < 0.4)
    groups = [(3 * k, overlaps(*pair)) for k, pair in enumerate(zip(ious, areas, strict=True))]
    matches = match_category(groups, objects(videos, crowd, ignored))
    first_track = first_object = 0
    for k, iou in enumerate(ious):
        tracks = slice(first_track, first_track + iou.shape[0])
        own = slice(first_object, first_object + iou.shape[1])
        check_video(matches, tracks, own, iou, areas[k], crowd[own], ignored[:, own])
        assert (matches.videos[tracks] == 3 * k).all()
        assert matches.ranks[tracks].tolist() == list(range(len(iou)))
        first_track, first_object = tracks.stop, own.stop
    np.testing.assert_array_equal(matches.wanted, ~ignored)


def random_iou(random, num_tracks, num_objects, one_choice) -> np.ndarray:
    """Overlaps of which many are equal; with `one_choice` a track overlaps with one object."""
    values = np.append(IOU_THRESHOLDS, [0.0, 0.97, 1.0])
    iou = random.choice(values, (num_tracks, num_objects))
    if one_choice and num_objects:
        iou *= np.arange(num_objects) == random.integers(num_objects, size=(num_tracks, 1))
    return iou


def check_video(matches: Matches, tracks, own, iou, areas, crowd, ignored):
    outside = ~within_area(areas)
    for cell, threshold in np.ndindex(CELLS, len(IOU_THRESHOLDS)):
        want = loop(iou, ignored[cell], crowd, IOU_THRESHOLDS[threshold])
        shifted = [g if g < 0 else g + own.start for g in want]
        assert matches.truth[cell, threshold, tracks].tolist() == shifted
        dropped = [outside[cell, d] if g < 0 else ignored[cell, g] for d, g in enumerate(want)]
        assert matches.ignored[cell, threshold, tracks].tolist() == dropped
