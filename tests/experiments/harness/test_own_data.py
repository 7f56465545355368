"""Experiments about data of their own, and classes that are those of the data."""

import dataclasses
import json

import pytest

from experiments.harness import main as harness
from experiments.harness.datasets import QUICKSTART
from experiments.harness.experiment import Experiment
from experiments.harness.means import table_of_means
from experiments.harness.measures import metric
from experiments.harness.runs import Run

CATS = dataclasses.replace(QUICKSTART, size="a hundred cats")
QUESTION = Experiment(
    name="question",
    title="Cats",
    question="Is it so?",
    runs=(Run("cats", "masktrack_rcnn", {"model.num_classes": 0}),),
    measures=(metric("AP"),),
    parts=(table_of_means,),
    dataset=CATS,
)


@pytest.fixture
def call(data_dir, tmp_path):
    """Does what the command line of the experiment does."""

    def call(*more):
        paths = ["--workdir", str(tmp_path / "work"), "--data-dir", str(data_dir)]
        harness.main(QUESTION, [*paths, "--seeds", "0", *more])

    return call


@pytest.mark.usefixtures("started")
def test_data_of_its_own_leave_no_choice(call, capsys):
    call()
    assert "a hundred cats" in capsys.readouterr().out
    with pytest.raises(SystemExit):
        call("--dataset", "ovis")


def test_a_finished_run_with_the_classes_of_its_annotations_is_found_again(call, started, tmp_path):
    call()
    (saved,) = (tmp_path / "work/runs").glob("*/config.json")
    config = json.loads(saved.read_text())
    config["model"]["num_classes"] = 2  # as training writes it
    saved.write_text(json.dumps(config))
    call()
    assert len(started) == 1
