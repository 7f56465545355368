import numpy as np
import pytest
from evaluation import tracks
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.evaluation import evaluate
from ovis_jax.evaluation.oracles import with_true_identities

LENGTH = 6


def scene():
    """Two objects that pass each other, as annotations, and their masks."""
    frames = range(LENGTH)
    first = np.concatenate([tracks.rectangle(2 * t, 0, 4, 4) for t in frames])
    second = np.concatenate([tracks.rectangle(10 - 2 * t, 5, 4, 4) for t in frames])
    objects = [tracks.instance(1, first), tracks.instance(2, second)]
    return tracks.annotations(objects, LENGTH), first, second


def switched(a, b, frame):
    """Track that shows `a` before a frame and `b` from there on."""
    return np.concatenate([a[:frame], b[frame:]])


def ap(annotations, results):
    return evaluate(annotations, results).values["AP"]


def test_exchanged_and_broken_identities_are_mended():
    truth, first, second = scene()
    nothing = np.zeros_like(first)
    results = [
        tracks.result(switched(first, second, 3), 0.9),
        tracks.result(switched(second, nothing, 3), 0.8),
        tracks.result(switched(nothing, first, 3), 0.7),
    ]
    assert ap(truth, results) < 0.2
    mended = with_true_identities(truth, results)
    assert len(mended) == 2 and ap(truth, mended) > 0.99
    np.testing.assert_allclose([t.score for t in mended], [(0.9 + 0.7) / 2, (0.8 + 0.9) / 2])


def test_perfect_identities_change_nothing():
    truth, first, second = scene()
    results = [tracks.result(first, 0.9), tracks.result(second, 0.8, category=2)]
    again = with_true_identities(truth, results)
    assert [t.score for t in again] == pytest.approx([0.9, 0.8])
    assert [t.category_id for t in again] == [1, 2]
    for before, after in zip(results, again, strict=True):
        assert before.segmentations.entries == after.segmentations.entries


def test_the_category_is_that_of_the_surest_tracks_even_if_wrong():
    truth, first, _ = scene()
    nothing = np.zeros_like(first)
    results = [
        tracks.result(switched(first, nothing, 2), 0.9, category=1),
        tracks.result(switched(nothing, first, 2), 0.8, category=2),
    ]
    assert [t.category_id for t in with_true_identities(truth, results)] == [2]


def test_tracks_that_show_no_object_stay_and_rests_of_others_go():
    truth, first, second = scene()
    beside = tracks.rectangle(12, 10, 3, 2, frames=LENGTH)
    results = [
        tracks.result(beside, 0.6),
        tracks.result(switched(second, beside, 3), 0.7),
        tracks.result(first, 0.9),
    ]
    mended = with_true_identities(truth, results)
    assert [t.score for t in mended] == pytest.approx([0.9, 0.7, 0.6])
    assert [sum(e is not None for e in t.segmentations.entries) for t in mended] == [6, 3, 6]


@given(st.integers(0, 2**32 - 1))
def test_no_object_gets_two_tracks_and_no_mask_is_made_up(seed):
    random = np.random.default_rng(seed)
    objects = [tracks.random_masks(random, LENGTH) for _ in range(3)]
    truth = tracks.annotations([tracks.instance(k + 1, m) for k, m in enumerate(objects)], LENGTH)
    results = [tracks.result(tracks.random_masks(random, LENGTH), 0.5) for _ in range(4)]
    mended = with_true_identities(truth, results)
    for frame in range(LENGTH):
        before = [t.segmentations.entries[frame] for t in results]
        after = [t.segmentations.entries[frame] for t in mended]
        assert all(after.count(entry) <= before.count(entry) for entry in after if entry)


def test_crowds_have_no_identity():
    _, first, second = scene()
    truth = tracks.annotations([tracks.instance(1, first, crowd=True)], LENGTH)
    results = [tracks.result(switched(first, second, 3))]
    assert len(with_true_identities(truth, results)) == 1
