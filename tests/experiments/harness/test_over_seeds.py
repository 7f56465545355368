"""Intervals over videos and seeds at once, on runs whose numbers are known."""

import numpy as np
import pytest

from experiments.harness.datasets import QUICKSTART
from experiments.harness.differences import differences
from experiments.harness.experiment import Experiment, Outcome
from experiments.harness.over_seeds import (
    differences_over_seeds,
    error_rates_over_seeds,
    mean_over_draws,
    seed_draws,
)
from ovis_jax.formats.errors import InputError

pytestmark = pytest.mark.usefixtures("few_draws")
DOG = 4  # what `finished` may call its cats


def outcome(rows):
    return Outcome(Experiment("name", "Title", "?"), QUICKSTART, {}, rows)


def test_a_draw_s_number_is_the_mean_over_its_seeds():
    rng = np.random.default_rng(0)
    samples, draws = rng.random((6, 2, 3, 4)), rng.multinomial(3, np.full(3, 1 / 3), 6)
    got = mean_over_draws(samples, draws)
    for b, row, name in np.ndindex(6, 2, 4):
        drawn = [samples[b, row, s, name] for s in range(3) for _ in range(draws[b, s])]
        np.testing.assert_allclose(got[b, row, name], np.mean(drawn))


def test_what_was_not_drawn_may_be_unknown():
    samples = np.array([np.nan, 0.5]).reshape(1, 1, 2, 1)
    np.testing.assert_array_equal(mean_over_draws(samples, np.array([[0, 2]])), [[[0.5]]])


def test_every_draw_has_as_many_seeds_as_there_are():
    assert (seed_draws(5).sum(axis=1) == 5).all() and seed_draws(5).any(axis=0).all()
    np.testing.assert_array_equal(seed_draws(1), 1)


def test_a_gain_of_one_seed_in_two_is_no_sure_gain(finished):
    """Over videos alone it is: they all agree. Seeds do not."""
    rows = {
        "first": [finished("first", [], seed=seed) for seed in (0, 1)],
        "lucky": [finished("lucky", [1, 2, 3]), finished("lucky", [], seed=1)],
    }
    (over_videos,) = differences(outcome(rows)).lines
    assert over_videos == "lucky against first: AP +50.0 points, 95 % interval [+50.0, +50.0]."
    (over_both,) = differences_over_seeds()(outcome(rows)).lines
    assert over_both == (
        "lucky against first: AP +50.0 points, 95 % interval [+0.0, +100.0], which holds 0."
    )


def test_seeds_are_paired_so_that_what_they_share_does_not_count(finished):
    rows = {
        "first": [finished("first", [1]), finished("first", [1, 2], seed=1)],
        "same": [finished("same", [1]), finished("same", [1, 2], seed=1)],
    }
    found = differences_over_seeds("mine", "Mine")(outcome(rows))
    numbers = found.values["mine"]["same"]["AP"]
    assert numbers["difference_interval"] == [0, 0] and numbers["interval"] != [0, 0]
    assert "draws of the videos and the seeds" in found.tables[0].note


def test_one_seed_alone_has_the_intervals_over_videos(finished):
    rows = {"a": [finished("a", [1, 2, 3])], "b": [finished("b", [1])]}
    one, other = differences(outcome(rows)), differences_over_seeds()(outcome(rows))
    assert one.values == other.values


def test_classes_can_be_left_out_of_account(finished):
    rows = {"right": [finished("right", [1, 2, 3])], "dogs": [finished("dogs", [1, 2, 3], DOG)]}
    (line,) = differences_over_seeds()(outcome(rows)).lines
    assert line.startswith("dogs against right: AP -")
    part = differences_over_seeds("mine", "Mine", class_agnostic=True)
    (line,) = part(outcome(rows)).lines
    assert line.startswith("dogs against right: AP regardless of classes +0.0 points")


def test_error_rates_are_of_all_seeds_and_vary_with_them(finished):
    rows = {
        "right": [finished("right", [1, 2, 3], seed=seed) for seed in (0, 1)],
        "mixed": [finished("mixed", [1, 2, 3]), finished("mixed", [1, 2, 3], DOG, seed=1)],
    }
    numbers = error_rates_over_seeds(outcome(rows)).values["errors"]["mixed"]
    severe = numbers["classification, severe"]
    assert severe["value"] == pytest.approx(0.5) == severe["difference"]
    assert severe["difference_interval"] == [0, 1]


def test_rows_with_other_seeds_cannot_be_paired(finished):
    rows = {"a": [finished("a", [1])], "b": [finished("b", [1], seed=3)]}
    with pytest.raises(InputError, match=r"b: seeds \[3\]"):
        differences_over_seeds()(outcome(rows))
