import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from configs.parts.data import data as data_settings
from ovis_jax.data.clip_frames import (
    ClipFrames,
    draw_references,
    reference_candidates,
    run_of_frames,
)
from ovis_jax.data.from_config import clip_frames
from ovis_jax.data.order import draws
from ovis_jax.formats.errors import InputError


@pytest.mark.parametrize(
    "query, window, want",
    [
        (10, 5, [6, 12, 15]),
        (10, None, [0, 6, 12, 15, 30]),
        (30, 5, [0, 6, 10, 12, 15]),  # none is near: any other
        (0, 6, [6]),
    ],
)
def test_references_are_near_or_else_anywhere(query, window, want):
    frames = np.array([0, 6, 10, 12, 15, 30])
    np.testing.assert_array_equal(reference_candidates(frames, query, window), want)


def test_a_lonely_frame_is_its_own_reference():
    assert draw_references(draws(0, 0), reference_candidates(np.array([4]), 4, 5), 3) == [4, 4, 4]


def test_references_are_drawn_uniformly():
    candidates = reference_candidates(np.arange(40), 20, 5)
    drawn = [draw_references(draws(1, i), candidates, 1)[0] for i in range(5000)]
    counts = np.bincount(drawn, minlength=40)
    assert not counts[:15].any() and not counts[26:].any() and counts[20] == 0
    near = np.r_[counts[15:20], counts[21:26]]
    assert ((near - 500) ** 2 / 500).sum() < 30  # chi-square, 9 degrees: p < 0.001


def test_no_reference_is_drawn_again_before_all_were():
    candidates = reference_candidates(np.array([0, 3, 4, 5, 6]), 4, 2)
    drawn = draw_references(draws(0, 3), candidates, 7)
    assert sorted(drawn[:3]) == sorted(drawn[3:6]) == [3, 5, 6] and drawn[6] in (3, 5, 6)


@pytest.mark.parametrize(
    "first, count, stride, length, want",
    [
        (3, 4, 1, 20, (3, 4, 5, 6)),
        (3, 3, 4, 20, (3, 7, 11)),
        (2, 8, 8 / 7, 20, (2, 3, 4, 5, 7, 8, 9, 10)),  # eight of nine frames
        (18, 3, 1, 20, (18, 17, 16)),  # the end is near
        (1, 4, 1, 4, (1, 2, 3, 3)),  # too short: more room after it
        (2, 4, 1, 4, (2, 1, 0, 0)),
        (0, 3, 1, 1, (0, 0, 0)),
        (5, 1, 9, 6, (5,)),
    ],
)
def test_frames_of_a_run_follow_each_other(first, count, stride, length, want):
    assert run_of_frames(first, count, stride, length) == want


@given(
    num_frames=st.integers(1, 9),
    others=st.sampled_from(["references", "run", "reference_run"]),
    stride=st.floats(0.2, 4),
    length=st.integers(1, 30),
    window=st.one_of(st.none(), st.integers(1, 5)),
    seed=st.integers(0, 99),
)
def test_clips_have_the_wanted_frames_of_the_video(
    num_frames, others, stride, length, window, seed
):
    rng = np.random.default_rng(seed)
    annotated = np.flatnonzero(rng.random(length) < 0.7)
    annotated = annotated if len(annotated) else np.array([length - 1])
    query = int(rng.choice(annotated))
    settings = ClipFrames(num_frames, 1, others, stride, window)
    frames = settings.draw(rng, annotated, query, length)
    assert len(frames) == num_frames and frames[0] == query
    assert all(type(frame) is int and 0 <= frame < length for frame in frames)
    if others == "references":
        assert set(frames) <= set(annotated.tolist())


def test_a_drawn_reference_may_be_followed_by_its_neighbours():
    settings = ClipFrames(3, 3, "reference_run", 1.0, None)
    for seed in range(20):
        query, first, second = settings.draw(np.random.default_rng(seed), np.arange(9), 4, 9)
        assert query == 4 != first and second - first == (1 if first < 8 else -1)


def test_a_query_frame_may_be_its_own_reference_where_wanted():
    settings = ClipFrames(2, 1, "references", 1.0, 2, allow_same=True)
    drawn = [settings.draw(draws(1, i), np.arange(20), 10, 20) for i in range(2500)]
    counts = np.bincount([reference for _, reference in drawn], minlength=20)
    assert not counts[:8].any() and not counts[13:].any()
    assert ((counts[8:13] - 500) ** 2 / 500).sum() < 21  # chi-square, 4 degrees: p < 0.001


@pytest.mark.parametrize("others", ["references", "run", "reference_run"])
def test_frames_in_order_are_the_same_frames_in_the_order_of_time(others):
    settings = ClipFrames(4, 2, others, 1.5, 5)
    ordered = dataclasses.replace(settings, in_order=True)
    for seed, query in enumerate((0, 5, 17, 19)):
        frames = settings.draw(draws(0, seed), np.arange(20), query, 20)
        assert ordered.draw(draws(0, seed), np.arange(20), query, 20) == tuple(sorted(frames))


@pytest.mark.parametrize(
    "field, value",
    [
        ("clip.num_frames", 0),
        ("clip.mask_frames", 0),
        ("clip.mask_frames", 3),
        ("clip.others", "near"),
        ("clip.stride", 0.0),
        ("clip.stride", float("nan")),
        ("reference_sampling", "near"),
    ],
)
def test_values_that_make_no_sense_are_input_errors(field, value):
    data = data_settings()
    data.update_from_flattened_dict({field: value})
    with pytest.raises(InputError, match=f"config.data.{field}: expected"):
        clip_frames(data)
