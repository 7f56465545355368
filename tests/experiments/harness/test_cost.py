"""What is left to do is said before it is done."""

import dataclasses

import pytest

from experiments.harness.cost import cost_line
from experiments.harness.datasets import QUICKSTART, Rates
from experiments.harness.runs import EVALUATE, Plan, Run

FIRST = Run("first", "cmasktrack_rcnn", {"train.num_steps": 7, "predict.reference_window": 2})
AGAIN = Run("again", "cmasktrack_rcnn", {"predict.reference_window": 5}, "first", EVALUATE)
PLAIN = Run("plain", "masktrack_rcnn", {"train.num_steps": 5})
FRAMES = 2  # of the validation video in `data_dir`


@pytest.fixture
def planned(data_dir, tmp_path):
    plan = Plan(QUICKSTART, data_dir, {}, tmp_path / "runs")
    return lambda *runs: plan.runs(runs, [0])


def test_steps_frames_and_references_are_counted_once_for_each_run(planned):
    line = cost_line(planned(FIRST, AGAIN, PLAIN))
    assert line == (
        "3 runs to make: 12 training steps, 6 frames to predict, "
        f"with {FRAMES * 2 * (2 + 5)} reference frames"
    )


def test_their_time_follows_from_the_rates(planned):
    rates = Rates(step=600, frame=300, reference=30, machine="a slow machine")
    line = cost_line(planned(FIRST, AGAIN), rates)
    minutes = 7 * 10 + 4 * 5 + 28 / 2
    assert line.endswith(f"; about 1 h {minutes - 60:.0f} min on a slow machine")


def test_what_is_finished_costs_nothing(planned):
    (run,) = planned(PLAIN)
    run.outputs.mkdir(parents=True)
    (run.outputs / "metrics.json").write_text("{}")
    assert cost_line([run]) == "all runs are finished"


def test_epochs_are_no_steps(planned):
    (run,) = planned(Run("epochs", "masktrack_rcnn", {"train.num_steps": 0}))
    assert "0 training steps, 12 epochs," in cost_line([run], Rates(1, 1, 1, "any"))
    assert "any" not in cost_line([dataclasses.replace(run)], Rates(1, 1, 1, "any"))
