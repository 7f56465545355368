import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.evaluation import compare, format_comparison, match_results, score
from ovis_jax.evaluation.comparison import Comparison
from ovis_jax.formats.errors import InputError
from tests.evaluation.scenes import random_scene
from tests.evaluation.tracks import annotations, instance, rectangle, result

NAMES = ("AP", "AP_SO", "AP_MO", "AP_HO")


def with_copies(truth, tracks, times):
    """The data where each video stands `times` times, copies under ids of their own."""
    videos, objects, found = [], [], []
    for video, number in zip(truth.videos, times, strict=True):
        for copy in range(number):
            new = 1000 * video.id + copy  # the order of videos stays
            videos.append(dataclasses.replace(video, id=new))
            objects += [
                dataclasses.replace(i, id=f"{i.id} {new}", video_id=new)
                for i in truth.instances_of(video.id)
            ]
            own = (t for t in tracks if t.video_id == video.id)
            found += [dataclasses.replace(t, video_id=new) for t in own]
    return dataclasses.replace(truth, videos=tuple(videos), instances=objects), found


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_draw_is_scored_as_if_its_videos_were_there_several_times(seed):
    truth, tracks = random_scene(seed)
    sample = compare([match_results(truth, tracks)], num_samples=1, seed=seed).samples[0, 0]
    draw = np.random.default_rng(seed).multinomial(2, [0.5, 0.5], 1)[0]
    values = score(match_results(*with_copies(truth, tracks, draw.tolist()))).values
    want = [np.nan if values[name] < 0 else values[name] for name in NAMES]
    np.testing.assert_allclose(sample, want, rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_values_are_those_of_the_metrics(seed):
    truth, tracks = random_scene(seed)
    systems = [match_results(truth, tracks), match_results(truth, tracks[::2])]
    comparison = compare(systems, num_samples=2)
    for own, system in zip(comparison.values, systems, strict=True):
        values = score(system).values
        want = [np.nan if values[name] < 0 else values[name] for name in NAMES]
        np.testing.assert_allclose(own, want, rtol=0, atol=1e-12)


def three_videos():
    masks = rectangle(0, 0, 4, 4)
    objects = [instance(n, masks, video=n) for n in (1, 2, 3)]
    return annotations(objects, 1, videos=(1, 2, 3)), masks


def test_a_system_does_not_differ_from_itself():
    truth, masks = three_videos()
    matching = match_results(truth, [result(masks, video=1)])
    comparison = compare([matching, matching], num_samples=50)
    assert comparison.intervals()[0, 0, 0] < comparison.intervals()[0, 0, 1]
    np.testing.assert_array_equal(comparison.difference_intervals()[:, :2], 0)


def test_a_system_that_is_better_on_every_video_is_better_in_every_draw():
    truth, masks = three_videos()
    good = [result(masks, video=v) for v in (1, 2, 3)]
    bad = [result(rectangle(0, 0, 3, 4), video=v) for v in (1, 2, 3)]
    comparison = compare([match_results(truth, r) for r in (bad, good)], num_samples=50)
    low, _ = comparison.difference_intervals()[1, 0]
    assert low == pytest.approx(comparison.differences()[1, 0]) and low > 0


def test_intervals_are_percentiles_and_unknown_numbers_stay_unknown():
    samples = np.full((101, 1, 2), np.nan)
    samples[:, 0, 0] = np.arange(101)
    comparison = Comparison(("AP", "AP_HO"), np.array([[50, np.nan]]), samples)
    np.testing.assert_allclose(comparison.intervals()[0], [[2.5, 97.5], [np.nan, np.nan]])
    assert format_comparison(comparison, ["x"]).splitlines()[1].split()[-1] == "-"


def test_one_seed_gives_one_result():
    matching = match_results(*random_scene(1))
    one, same, other = (compare([matching], num_samples=9, seed=s).samples for s in (0, 0, 1))
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


def test_systems_of_different_ground_truth_are_not_compared():
    systems = [match_results(annotations([], 1, videos=v), []) for v in ((1, 2), (1, 3))]
    with pytest.raises(InputError, match="other videos"):
        compare(systems)


def test_without_videos_nothing_is_known():
    matching = match_results(annotations([], 1, videos=()), [])
    comparison = compare([matching, matching], num_samples=3)
    assert np.isnan(comparison.values).all() and np.isnan(comparison.samples).all()
