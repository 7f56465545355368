import csv
import dataclasses
import json
import pathlib

import pytest

from experiments.harness import datasets, programs
from experiments.harness import main as harness
from experiments.harness.experiment import Experiment, Paper
from experiments.harness.means import table_of_means
from experiments.harness.measures import Measure, Unit, linked, metric
from experiments.harness.runs import EVALUATE, Run

PLAIN = Run("plain", "masktrack_rcnn", {"train.num_steps": 7})
AGAIN = Run("as it was", "masktrack_rcnn", start="plain", mode=EVALUATE)
QUESTION = Experiment(
    name="question",
    title="Table 0: a question",
    question="Is it so?",
    runs=(PLAIN, AGAIN),
    measures=(metric("AP"), linked("AP")),
    parts=(table_of_means,),
)


def with_runs(*runs, **more):
    return dataclasses.replace(QUESTION, runs=runs, **more)


@pytest.fixture
def experiment(data_dir, tmp_path):
    """Does what the command line of an experiment does."""

    def call(question=QUESTION, seeds=(0,), override=(), more=()):
        command = ["--workdir", str(tmp_path / "work"), "--data-dir", str(data_dir)]
        command += ["--seeds", *map(str, seeds), *more]
        harness.main(question, [*command, "--override", *override] if override else command)

    return call


def table_lines(text):
    return [line for line in text.splitlines() if line.startswith("|")]


@pytest.mark.usefixtures("started")
def test_the_table_has_mean_and_spread_over_seeds_in_points(experiment, capsys):
    experiment(seeds=(0, 2))
    text = capsys.readouterr().out
    assert "Table 0: a question" in text and "Is it so?" in text
    assert table_lines(text) == [
        "| run | seeds | AP | AP, linked |",
        "| :-- | --: | --: | --: |",
        "| plain | 2 | 20.0 ± 14.1 | 10.0 ± 0.0 |",
        "| as it was | 2 | 20.0 ± 14.1 | 10.0 ± 0.0 |",
    ]


def test_it_says_what_it_was_measured_with(experiment, started, capsys):
    experiment(seeds=(0, 1), override=["train.batch_size=8"])
    text = capsys.readouterr().out
    assert "Occluded Shapes" in text and "train.batch_size=8" in text
    assert (
        "Training: small networks, 1500 steps" in text
        and "Seeds 0, 1" in text
        and "of seed 0, of seed 1" in text
    )
    assert "python -m experiments.question" in text


def test_a_run_starts_from_what_another_one_left(experiment, started, tmp_path):
    experiment(seeds=[3], override=["train.batch_size=8"])
    plain, again = started
    folder = next(each for each in plain if each.startswith("--workdir=")).partition("=")[2]
    assert pathlib.Path(folder).parent == tmp_path / "work/runs"
    assert f"--config.train.init_checkpoint={folder}/checkpoints" in again
    assert "--mode=evaluate" in again and "--mode=train_and_evaluate" in plain
    assert {"--config.train.num_steps=7", "--config.train.batch_size=8"} <= set(plain)
    assert {"--config.seed=3", "--config=configs/quickstart_masktrack.py"} <= set(plain)


def test_words_in_overrides_are_those_of_the_data_set(experiment, started, tmp_path):
    larger = Run("larger", "masktrack_rcnn", {"data.image_scale": "{larger}"})
    experiment(with_runs(larger), more=["--dataset", "ovis"])
    assert "--config.data.image_scale=(1280, 720)" in started[0]
    assert "--config=configs/masktrack_rcnn_r50_ovis.py" in started[0]


def test_a_run_is_made_once_for_all_experiments_in_a_folder(experiment, started, capsys):
    experiment()
    first = capsys.readouterr().out
    experiment()
    assert capsys.readouterr().out == first
    experiment(with_runs(Run("another name", "masktrack_rcnn", PLAIN.overrides), name="other"))
    assert len(started) == len(QUESTION.runs)


def test_a_value_that_the_configuration_has_anyway_makes_no_other_run(experiment, started):
    default = Run("as configured", "masktrack_rcnn")
    said = Run("said", "masktrack_rcnn", {"data.image_scale": "{larger}"})
    experiment(with_runs(default, said))
    assert len(started) == 1  # quickstart's frames are of this size


def test_to_predict_again_what_a_run_predicted_makes_no_other_run(experiment, started):
    same = Run("0", "masktrack_rcnn", {"predict.reference_window": 0}, start="plain", mode=EVALUATE)
    plain = Run("plain", "masktrack_rcnn", shown=False)
    wider = dataclasses.replace(same, label="1", overrides={"predict.reference_window": 1})
    experiment(with_runs(plain, same, wider))
    assert len(started) == 2  # frames on either side: quickstart_masktrack looks at none


def test_a_run_with_other_settings_is_another_one(experiment, started):
    experiment(with_runs(PLAIN))
    experiment(with_runs(Run("plain", "masktrack_rcnn", {"train.num_steps": 8})))
    assert len(started) == 2


def test_a_folder_with_another_run_is_found_before_anything_is_trained(
    experiment, started, tmp_path, capsys
):
    experiment(with_runs(PLAIN))
    (saved,) = (tmp_path / "work/runs").glob("*/config.json")
    config = json.loads(saved.read_text())
    config["train"]["learning_rate"] = 0.5  # as if the configuration's file had been edited
    saved.write_text(json.dumps(config))
    with pytest.raises(SystemExit) as stopped:
        experiment(with_runs(Run("new", "masktrack_rcnn"), PLAIN))
    line = capsys.readouterr().err.splitlines()[-1]
    assert stopped.value.code == 2 and len(started) == 1
    assert "train.learning_rate is 0.5 there and 0.008 here" in line


@pytest.mark.parametrize(
    "bad",
    [
        "train.typo=1",
        "train.num_steps=x",
        "train.num_steps",
        "--rows nobody",
        "--processes 0",
        "--processes 99999",
    ],
)
def test_bad_settings_are_found_before_anything_is_trained(experiment, started, capsys, bad):
    with pytest.raises(SystemExit) as stopped:
        if bad.startswith("--"):
            experiment(more=bad.split())
        else:
            experiment(override=[bad])
    assert stopped.value.code == 2 and not started
    assert bad.split("=")[0].split(".")[-1].split()[-1] in capsys.readouterr().err


def test_ground_truth_is_looked_for_before_anything_is_trained(
    experiment, started, data_dir, capsys
):
    path = data_dir / "annotations_valid.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"annotations": None}))
    with pytest.raises(SystemExit) as stopped:
        experiment()
    assert stopped.value.code == 2 and not started
    assert "no ground truth to evaluate with" in capsys.readouterr().err


def test_rows_start_from_weights_of_their_systems(experiment, started, tmp_path, capsys):
    weights = tmp_path / "weights"
    (weights / "masktrack_rcnn").mkdir(parents=True)
    other = Run("other", "masktrack_rcnn", {"model.backbone.depth": 34}, weights="deeper")
    question = with_runs(PLAIN, AGAIN, other)
    with pytest.raises(SystemExit) as stopped:
        experiment(question, more=["--weights", str(weights)])
    assert stopped.value.code == 2 and not started
    assert f"{weights / 'deeper'}: no such checkpoint, expected one for other" in (
        capsys.readouterr().err
    )
    (weights / "deeper").mkdir()
    experiment(question, more=["--weights", str(weights)])
    plain, again, deeper = started
    assert f"--config.train.init_checkpoint={weights / 'masktrack_rcnn'}" in plain
    assert f"--config.train.init_checkpoint={weights / 'deeper'}" in deeper
    assert not any(str(weights) in each for each in again)


def test_nothing_is_trained_with_weights_that_are_trained(experiment, started, tmp_path, capsys):
    weights = tmp_path / "weights"
    (weights / "masktrack_rcnn").mkdir(parents=True)
    wide = {"predict.reference_window": 2}
    runs = (
        Run("as it is", "masktrack_rcnn"),
        Run("wider", "masktrack_rcnn", wide, start="as it is", mode=EVALUATE),
        Run("longer", "masktrack_rcnn", {"train.num_steps": 8}),
        Run("from there", "masktrack_rcnn", start="longer", mode=EVALUATE),
        Run("other system", "sipmask"),
    )
    experiment(with_runs(*runs), more=["--weights", str(weights), "--trained"])
    assert len(started) == 2 and all("--mode=evaluate" in each for each in started)
    assert all(f"--config.train.init_checkpoint={weights / 'masktrack_rcnn'}" in c for c in started)
    text = capsys.readouterr().out
    assert "Nothing was trained." in text and "1500 steps" not in text
    for label in ("longer", "from there", "other system"):
        assert f"- {label}: it would have to be trained" in text


def test_missing_data_are_named(experiment, started, data_dir, capsys):
    (data_dir / "train").rmdir()
    with pytest.raises(SystemExit) as stopped:
        experiment(more=["--dataset", "ovis"])
    assert stopped.value.code == 2 and not started
    assert f"{data_dir / 'train'}: no such file or folder" in capsys.readouterr().err


@pytest.mark.usefixtures("started")
def test_missing_data_of_the_quickstart_are_generated(experiment, data_dir, monkeypatch):
    (data_dir / "train").rmdir()
    own = dataclasses.replace(datasets.QUICKSTART, make=(made := []).append)
    monkeypatch.setitem(harness.DATASETS, "quickstart", own)
    experiment()
    assert made == [data_dir]


def test_rows_that_are_not_built_are_left_out_and_named(experiment, started, capsys):
    runs = (
        PLAIN,
        Run("later", "no_such_system"),
        Run("after that", "masktrack_rcnn", start="later"),
        Run("new field", "masktrack_rcnn", {"model.no_such_field": 1}),
    )
    experiment(with_runs(*runs, not_built=("in the paper",)))
    text = capsys.readouterr().out
    assert len(started) == 1
    assert "- later: there is no configuration quickstart_no_such_system" in text
    assert "- after that: it starts from later" in text
    assert "- new field: quickstart_masktrack has no field model.no_such_field" in text
    assert "- in the paper: it is not built yet" in text


def test_rows_can_be_chosen_and_what_they_start_from_is_made_too(experiment, started, capsys):
    runs = (PLAIN, AGAIN, Run("other", "sipmask"))
    experiment(with_runs(*runs), more=["--rows", "as it was"])
    text = capsys.readouterr().out
    assert len(started) == 2
    assert [line.split(" | ")[0] for line in table_lines(text)[2:]] == ["| as it was"]
    assert "- other: it was not asked for" in text


@pytest.mark.usefixtures("started")
@pytest.mark.parametrize("dataset", ["ovis", "quickstart"])
def test_the_papers_rows_stand_beside_ours_where_the_data_are_its_own(experiment, capsys, dataset):
    paper = Paper(rows={"of theirs": {"AP": 12.34}})
    experiment(with_runs(PLAIN, paper=paper), more=["--dataset", dataset])
    shown = "| of theirs (the paper's) | – | 12.3 | – |" in table_lines(capsys.readouterr().out)
    assert shown == (dataset == "ovis")


@pytest.mark.usefixtures("started")
def test_an_order_that_differs_from_the_papers_is_named(experiment, capsys):
    by_seed = Measure("AP", metric("AP").unit, lambda run: run.config["train"]["num_steps"] / 100)
    runs = [Run(f"of {n}", "masktrack_rcnn", {"train.num_steps": n}) for n in (3, 5, 4)]
    order = Paper(order=("of 5", "of 3", "of 4", "absent"))
    experiment(with_runs(*runs, measures=(by_seed,), paper=order))
    assert (
        "The order of AP differs from the paper's (of 5, of 3, of 4): of 4 (4.0) is above "
        "of 3 (3.0)." in capsys.readouterr().out
    )
    experiment(with_runs(*runs, measures=(by_seed,), paper=Paper(order=("of 5", "of 4", "of 3"))))
    assert "The order of AP is the paper's: of 5, of 4, of 3." in capsys.readouterr().out


def test_experiments_that_share_runs_write_files_of_their_own(experiment, started, tmp_path):
    experiment(dataclasses.replace(QUESTION, name="first"), seeds=(0, 1))
    experiment(with_runs(PLAIN, name="second"))
    folder = tmp_path / "work"
    first = list(csv.DictReader((folder / "first.csv").read_text().splitlines()))
    assert [(row["run"], row["config"], row["seed"], row["revision"]) for row in first] == [
        ("plain", "quickstart_masktrack", "0", "of seed 0"),
        ("plain", "quickstart_masktrack", "1", "of seed 1"),
        ("as it was", "quickstart_masktrack", "0", "of seed 0"),
        ("as it was", "quickstart_masktrack", "1", "of seed 1"),
    ]
    assert len((folder / "second.csv").read_text().splitlines()) == 2
    for name in ("report.html", "report.md", "report.json", "tables/means.csv"):
        assert (folder / "first" / name).is_file()


# 0 without metrics: after SIGTERM a run has saved where it was
@pytest.mark.parametrize("left, code", [(3, "3"), (0, "the same command goes on")])
def test_a_run_without_end_ends_the_experiment(experiment, monkeypatch, left, code):
    monkeypatch.setattr(programs, "call", lambda command: left)
    with pytest.raises(SystemExit, match=code):
        experiment()


@pytest.mark.usefixtures("started")
def test_a_measure_may_be_anything_about_a_run_in_a_unit_of_its_own(experiment, tmp_path, capsys):
    steps = Measure(
        "steps",
        Unit("thousands", factor=1e-3, decimals=3),
        lambda run: run.config["train"]["num_steps"],
    )
    experiment(with_runs(PLAIN, measures=(steps,)))
    assert "| plain | 1 | 0.007 |" in table_lines(capsys.readouterr().out)
    with (tmp_path / "work/question.csv").open() as file:
        (row,) = csv.DictReader(file)
    assert row["steps"] == "7" and row["AP"] == "0.1"
