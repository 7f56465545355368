import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.analysis.hota import ALPHAS, score_hota, tally_hota


def tally(iou, has_object=None, has_track=None, levels=None, num_levels=1):
    """Of overlaps [T, G, P]; by default everything is visible in all frames, of level 0."""
    iou = np.asarray(iou, float)
    frames, objects, tracks = iou.shape
    return tally_hota(
        iou,
        np.ones((frames, objects), bool) if has_object is None else has_object,
        np.ones((frames, tracks), bool) if has_track is None else has_track,
        np.zeros((frames, objects), int) if levels is None else levels,
        num_levels,
    )


def scores(own, chosen=None):
    """Name → number [A] of all frames, or of chosen ones [L, G]."""
    chosen = np.ones(own.wanted.shape, bool) if chosen is None else chosen
    return {name: value[0] for name, value in vars(score_hota(own.sums(chosen[None]))).items()}


def random_part(random, frames=4, objects=3, tracks=4, levels=2):
    """Arguments of `tally_hota`."""
    has_object = random.random((frames, objects)) < 0.8
    has_track = random.random((frames, tracks)) < 0.8
    iou = random.random((frames, objects, tracks)) * (random.random((objects, tracks)) < 0.7)
    iou = iou * has_object[:, :, None] * has_track[:, None]
    return iou, has_object, has_track, random.integers(levels, size=has_object.shape), levels


def slow_scores(iou, has_object, has_track, alpha):
    """The definition in loops, with all assignments tried."""
    frames, objects, tracks = iou.shape
    together = np.zeros((objects, tracks))
    for t, g, p in np.ndindex(iou.shape):
        either = iou[t, g].sum() + iou[t, :, p].sum() - iou[t, g, p]
        together[g, p] += iou[t, g, p] / either if either else 0
    either = has_object.sum(0)[:, None] + has_track.sum(0) - together
    alignment = together / np.where(either, either, 1)
    pairs = []
    for t in range(frames):
        weights = iou[t] * alignment
        orders = itertools.permutations(range(max(objects, tracks)), objects)
        best = max(orders, key=lambda order: sum(weights[g, p] for g, p in _real(order, tracks)))
        pairs += [(t, g, p) for g, p in _real(best, tracks) if iou[t, g, p] >= alpha]
    association = []
    for _, g, p in pairs:
        same = sum((g, p) == own[1:] for own in pairs)
        association.append(same / (has_object[:, g].sum() + has_track[:, p].sum() - same))
    total = has_object.sum() + has_track.sum() - len(pairs)
    deta = len(pairs) / total if total else 0.0
    assa = np.mean(association) if pairs else 0.0
    return {
        "deta": deta,
        "assa": assa,
        "hota": (deta * assa) ** 0.5,
        "loca": np.mean([iou[pair] for pair in pairs]) if pairs else 1.0,
        "detre": len(pairs) / max(has_object.sum(), 1),
        "detpr": len(pairs) / max(has_track.sum(), 1),
    }


def _real(order, tracks):
    return [(g, p) for g, p in enumerate(order) if p < tracks]


@given(st.integers(0, 2**32 - 1))
def test_numbers_follow_the_definition(seed):
    part = random_part(np.random.default_rng(seed))
    found = scores(tally_hota(*part))
    for place in (0, 6, 12):
        for name, value in slow_scores(*part[:3], ALPHAS[place]).items():
            assert found[name][place] == pytest.approx(value, abs=1e-12), (name, ALPHAS[place])


def test_perfect_tracks_score_one():
    found = scores(tally(np.tile(np.eye(3), (5, 1, 1))))
    assert all((value == 1).all() for value in found.values())


@given(st.integers(1, 9))
def test_splitting_a_track_lowers_association_alone(cut):
    iou = np.zeros((10, 1, 2))
    iou[:cut, 0, 0], iou[cut:, 0, 1] = 0.87, 0.87
    found = scores(tally(iou, has_track=iou[:, 0] > 0))
    reached = ALPHAS < 0.87
    assert (found["deta"][reached] == 1).all() and (found["detre"][reached] == 1).all()
    np.testing.assert_allclose(found["loca"][reached], 0.87)
    np.testing.assert_allclose(found["asspr"][reached], 1)
    np.testing.assert_allclose(found["assa"][reached], (cut**2 + (10 - cut) ** 2) / 100)
    assert (found["hota"][~reached] == 0).all()


def test_a_track_that_changes_over_is_known_by_hand():
    iou = np.zeros((4, 2, 1))
    iou[:3, 0, 0], iou[3, 1, 0] = 1, 1  # three frames on one object, one on the other
    found = scores(tally(iou))
    np.testing.assert_allclose(found["deta"], 4 / 8)
    np.testing.assert_allclose(found["assa"], (3 * 3 / 5 + 1 / 7) / 4)
    np.testing.assert_allclose(found["assre"], (3 * 3 / 4 + 1 / 4) / 4)
    np.testing.assert_allclose(found["asspr"], (3 * 3 / 4 + 1 / 4) / 4)
    np.testing.assert_allclose(found["owta"], np.sqrt(4 / 8 * found["assa"]))


@given(st.integers(0, 2**32 - 1))
def test_the_order_of_objects_tracks_and_levels_changes_nothing(seed):
    random = np.random.default_rng(seed)
    iou, has_object, has_track, levels, _ = random_part(random)
    objects, tracks = random.permutation(3), random.permutation(4)
    moved = tally_hota(
        iou[:, objects][:, :, tracks],
        has_object[:, objects],
        has_track[:, tracks],
        1 - levels[:, objects],
        2,
    )
    before, after = scores(tally_hota(iou, has_object, has_track, levels, 2)), scores(moved)
    for name, value in before.items():
        np.testing.assert_allclose(after[name], value, atol=1e-12, err_msg=name)


@given(st.integers(0, 2**32 - 1))
def test_levels_and_objects_add_up_to_everything(seed):
    part = random_part(np.random.default_rng(seed))
    own = tally_hota(*part)
    single = np.zeros((6, 2, 3), bool)
    single[np.arange(6), np.arange(6) // 3, np.arange(6) % 3] = True
    parts, whole = own.sums(single), own.sums(np.ones((1, 2, 3), bool))
    for name in ("found", "jaccard", "recall", "precision", "overlap", "wanted"):
        np.testing.assert_allclose(getattr(parts, name).sum(0), getattr(whole, name)[0])
    np.testing.assert_array_equal(whole.wanted[0], part[1].sum())
    np.testing.assert_array_equal(whole.found[0] + whole.surplus[0], part[2].sum())


def test_tracks_on_objects_that_are_not_chosen_are_not_wrong():
    iou = np.tile(np.eye(2), (4, 1, 1))
    first_alone = scores(tally(iou), np.array([[True, False]]))
    assert all((value == 1).all() for value in first_alone.values())


def test_without_tracks_or_objects_nothing_is_found():
    nothing = scores(tally(np.zeros((3, 2, 0))))
    assert (nothing["hota"] == 0).all() and (nothing["loca"] == 1).all()
    surplus = tally(np.zeros((3, 0, 2))).surplus
    np.testing.assert_array_equal(surplus, np.full(len(ALPHAS), 6))
