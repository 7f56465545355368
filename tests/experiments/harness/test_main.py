import csv
import json
import pathlib
import subprocess
import sys

import pytest
from absl import flags
from data.rectangles import track, video, write
from ml_collections import config_flags

from experiments.harness import main as harness
from experiments.harness.measures import Measure, Unit, linked, metric
from experiments.harness.runs import Run

BOX = (2, 2, 6, 6)
RUNS = [
    Run("plain", "quickstart", {"train.num_steps": 7}),
    Run("as it was", "quickstart", {"train.init_checkpoint": "{workdir}/plain-seed{seed}"}),
]
MEASURES = (metric("AP"), linked("AP"))


@pytest.fixture
def truth(tmp_path):
    """One object in two frames."""
    return write(tmp_path / "a.json", [video(7, 2)], [track(1, 7, 2, [BOX, BOX], "ns")])


@pytest.fixture
def started(truth, monkeypatch):
    """Commands that were started.

    What stands for `ovis_jax.main` leaves a run that found the object, with AP 0.1 x (seed + 1).
    """
    masks = json.loads(truth.read_text())["annotations"][0]["segmentations"]
    result = dict(video_id=7, score=0.9, category_id=2, segmentations=masks)
    commands = []

    def run(command):
        commands.append(command)
        values = flags.FlagValues()
        config_flags.DEFINE_config_file("config", flag_values=values, sys_argv=command)
        flags.DEFINE_string("workdir", None, "", flag_values=values)
        flags.DEFINE_string("mode", None, "", flag_values=values)
        assert values(command[2:]) == ["ovis_jax.main"]
        config = values.config
        contents = {
            "config": json.loads(config.to_json()),
            "run": {"starts": [{"command": command, "revision": f"of seed {config.seed}"}]},
            "results": [result],
            "metrics": {"AP": 0.1 * (config.seed + 1), "per_category": {}},
        }
        folder = pathlib.Path(values.workdir)
        folder.mkdir(parents=True)
        for name, value in contents.items():
            (folder / f"{name}.json").write_text(json.dumps(value))
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(subprocess, "run", run)
    return commands


@pytest.fixture
def experiment(truth, monkeypatch):
    """Does what the command line of an experiment does."""

    def call(folder, seeds=(0,), override=(), runs=RUNS, name="question", measures=MEASURES):
        command = [f"experiments/{name}.py", "--workdir", str(folder), "--seeds", *map(str, seeds)]
        command += ["--override", f"data.eval_annotations={truth}", *override]
        monkeypatch.setattr(sys, "argv", command)
        harness.main("A question.", runs, measures)

    return call


@pytest.mark.usefixtures("started")
def test_the_table_has_mean_and_spread_over_seeds_in_points(experiment, tmp_path, capsys):
    experiment(tmp_path / "runs", seeds=(0, 2))
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "A question."
    assert lines[2:] == [
        "| run | seeds | AP | AP, linked |",
        "|---|---|---|---|",
        "| plain | 2 | 20.0 ± 14.1 | 100.0 ± 0.0 |",
        "| as it was | 2 | 20.0 ± 14.1 | 100.0 ± 0.0 |",
    ]


def test_fields_are_overridden_and_filled_with_folder_and_seed(experiment, started, tmp_path):
    experiment(tmp_path / "runs", seeds=[3], override=["train.batch_size=8"])
    plain, other = started
    folder = tmp_path / "runs"
    assert f"--workdir={folder}/as-it-was-seed3" in other
    assert f"--config.train.init_checkpoint={folder}/plain-seed3" in other
    assert {"--config.train.num_steps=7", "--config.train.batch_size=8"} <= set(plain)
    assert {"--config.seed=3", "--config=configs/quickstart.py"} <= set(plain)


def test_runs_that_are_there_are_not_repeated(experiment, started, tmp_path, capsys):
    experiment(tmp_path / "runs")
    first = capsys.readouterr().out
    experiment(tmp_path / "runs")
    assert capsys.readouterr().out == first and len(started) == len(RUNS)


def test_a_run_with_other_settings_is_not_taken_for_this_one(experiment, started, tmp_path, capsys):
    experiment(tmp_path / "runs", runs=RUNS[:1])
    other = Run("plain", "quickstart", {"train.num_steps": 8})
    with pytest.raises(SystemExit) as stopped:
        experiment(tmp_path / "runs", runs=[RUNS[1], other])
    line = capsys.readouterr().err.splitlines()[-1]
    assert stopped.value.code == 2 and len(started) == 1  # found before anything is trained
    assert "plain-seed0" in line and "train.num_steps is 7 there and 8 here" in line


@pytest.mark.parametrize("bad", ["train.typo=1", "train.num_steps=x"])
def test_bad_settings_are_found_before_anything_is_trained(
    experiment, started, tmp_path, capsys, bad
):
    with pytest.raises(SystemExit) as stopped:
        experiment(tmp_path / "runs", override=[bad])
    assert stopped.value.code == 2 and not started
    assert bad.split("=")[0].split(".")[1] in capsys.readouterr().err


def test_experiments_that_share_runs_write_files_of_their_own(experiment, started, tmp_path):
    folder = tmp_path / "runs"
    experiment(folder, seeds=(0, 1), name="first")
    experiment(folder, runs=RUNS[:1], name="second")
    assert len(started) == 4
    with (folder / "first.csv").open() as file:
        first = list(csv.DictReader(file))
    assert [(row["run"], row["seed"], row["revision"]) for row in first] == [
        ("plain", "0", "of seed 0"),
        ("as it was", "0", "of seed 0"),
        ("plain", "1", "of seed 1"),
        ("as it was", "1", "of seed 1"),
    ]
    assert len((folder / "second.csv").read_text().splitlines()) == 2


def test_a_run_that_fails_ends_the_experiment_with_its_code(experiment, monkeypatch, tmp_path):
    failed = subprocess.CompletedProcess([], 3)
    monkeypatch.setattr(subprocess, "run", lambda command: failed)
    with pytest.raises(SystemExit) as stopped:
        experiment(tmp_path / "runs")
    assert stopped.value.code == 3


@pytest.mark.usefixtures("started")
def test_a_measure_may_be_anything_about_a_run_in_a_unit_of_its_own(experiment, tmp_path, capsys):
    steps = Measure(
        "steps",
        Unit("thousands", factor=1e-3, decimals=3),
        lambda run: run.config["train"]["num_steps"],
    )
    experiment(tmp_path / "runs", runs=RUNS[:1], measures=(steps,))
    assert capsys.readouterr().out.splitlines()[2:] == [
        "| run | seeds | steps |",
        "|---|---|---|",
        "| plain | 1 | 0.007 |",
    ]
    with (tmp_path / "runs/question.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["steps"] == "7" and row["AP"] == "0.1"
