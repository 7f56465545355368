"""Gains by condition of the data, on runs whose numbers are known."""

import pytest

from experiments.harness.datasets import QUICKSTART
from experiments.harness.experiment import Experiment, Findings, Outcome
from experiments.harness.gains import error_gains, gains, joined, only
from ovis_jax.analysis.sections import Interval

pytestmark = pytest.mark.usefixtures("few_draws")
ACROSS = Experiment("name", "Title", "?")
DOG = 4  # what `finished` may call its cats


def outcome(rows):
    return Outcome(ACROSS, QUICKSTART, {}, rows)


@pytest.fixture
def conditions(finished):
    """Two conditions; calibration helps under the second one."""
    easy = {"none": [finished("e", [1, 2, 3])], "arm": [finished("ea", [1, 2, 3])]}
    hard = {"none": [finished("h", [1, 2, 3], DOG)], "arm": [finished("ha", [1, 2, 3])]}
    return {"easy": outcome(easy), "hard": outcome(hard | {"other": hard["none"]})}


def test_a_part_can_look_at_some_rows_alone(finished):
    seen = []

    def part(own):
        seen.append(list(own.rows))
        return Findings()

    rows = {name: [finished(name, [1])] for name in "abc"}
    only(part, ("c", "a", "absent"))(outcome(rows))
    only(part, ("absent",))(outcome(rows))
    assert seen == [["c", "a"]]


def test_gains_are_a_row_for_each_condition(conditions):
    found = gains(joined(conditions, ACROSS, ("none", "arm", "other")))
    table, other = found.tables
    assert table.title == "AP: gain of arm over none"
    assert [row[:2] for row in table.rows] == [
        ["easy", Interval(0, 0, 0)],
        ["hard", Interval(pytest.approx(1), pytest.approx(1), pytest.approx(1))],
    ]
    assert [row[0] for row in other.rows] == ["hard"]  # the easy condition has no such row
    assert found.plots[0].series == {"arm": [0, pytest.approx(1)], "other": [None, 0]}
    assert found.lines[0].startswith("easy: arm against none: AP +0.0 points")
    assert "which holds 0" in found.lines[0] and "which holds 0" not in found.lines[1]


def test_errors_differ_by_condition(conditions):
    found = error_gains(joined(conditions, ACROSS, ("none", "arm")))
    (table,) = found.tables
    assert [column.name for column in table.columns] == ["error", "easy", "hard"]
    severe = next(own for name, *own in table.rows if name == "classification, severe")
    assert [interval.value for interval in severe] == [0, -1]


def test_a_condition_with_one_row_gains_nothing(finished):
    rows = {"easy: none": [finished("alone", [1])]}
    assert gains(outcome(rows)).tables == () == error_gains(outcome(rows)).tables
