"""The data and the rows of the experiment about evidence."""

import json

import numpy as np
import pytest

from experiments import evidence, evidence_fusion, evidence_linking
from experiments.harness import class_evidence
from experiments.harness.evidence import (
    CONDITIONS,
    MAIN,
    SIZES,
    Condition,
    Size,
    evidence_dataset,
)
from experiments.harness.runs import EVALUATE, Plan
from ovis_jax.formats.errors import InputError

TINY = SIZES["tiny"]


def planned(size: Size, tmp_path):
    return planned_in(tmp_path, "mixed_degraded", size, 3)


def planned_in(tmp_path, condition: str, size: Size = TINY, seed: int = 0):
    own = evidence.experiment(CONDITIONS[condition], size)
    plan = Plan(own.dataset, tmp_path, {}, tmp_path / "runs")
    return {run.label: run for run in plan.runs(own.runs, [seed])}


def test_conditions_are_named_after_what_they_are():
    assert MAIN == (
        "local",
        "local_degraded",
        "global",
        "global_degraded",
        "mixed",
        "mixed_degraded",
    )
    assert CONDITIONS["global_degraded_slow"] == Condition("global", True, "slow")


def test_every_size_has_a_hundred_videos_to_measure_on_but_the_check():
    for size in SIZES.values():
        size.videos.check()
        assert size is TINY or size.videos.valid_videos >= 100
        assert size.window in size.windows or size.window == max(size.windows)


def test_data_are_made_where_they_are_missing(tmp_path, monkeypatch):
    monkeypatch.setattr("os.cpu_count", lambda: 1)
    dataset = evidence_dataset(CONDITIONS["mixed_degraded"], TINY)
    dataset.prepare(tmp_path / "new" / "set", ["data.train_annotations", "data.eval_images"])
    made = json.loads((tmp_path / "new" / "set" / "parameters.json").read_text())
    assert made["evidence"] == "mixed" and made["degraded"] == 0.3 and made["amodal"]


@pytest.mark.parametrize("size", ["small", "full"])
def test_all_arms_go_on_from_one_detector_for_equally_many_steps(size, tmp_path):
    size = SIZES[size]
    runs = planned(size, tmp_path)
    detector = runs.pop(evidence.DETECTOR)
    trained = {label: run for label, run in runs.items() if run.mode != EVALUATE}
    assert {*evidence.ARMS, "none, whole video", "correlation, whole video"} <= set(trained)
    for run in trained.values():
        settings = dict(own.split("=", 1) for own in run.settings)
        assert run.start.folder == detector.folder
        assert settings["--config.train.num_steps"] == str(size.steps)
        assert settings["--config.train.learning_rate"] == str(size.learning_rate / 2)
        assert run.seed == 3


def test_one_detector_is_trained_for_all_seeds_whichever_are_asked_for(tmp_path):
    own = evidence.experiment(CONDITIONS["global"], TINY)
    runs = Plan(own.dataset, tmp_path, {}, tmp_path / "runs").runs(own.runs, [2, 4, 5])
    (detector,) = (run for run in runs if run.label == evidence.DETECTOR)
    arms = [run for run in runs if run.label == evidence.CORRELATION]
    assert detector.seed == 0 and [run.seed for run in arms] == [2, 4, 5]
    assert {run.start.folder for run in arms} == {detector.folder}


def test_predictions_with_the_usual_window_are_those_of_the_arm(tmp_path):
    runs = planned(TINY, tmp_path)
    again = [runs[label] for label in evidence.windows(TINY)]
    assert [run.folder == runs["correlation"].folder for run in again] == [False, True]


@pytest.mark.usefixtures("few_draws")
def test_conditions_come_one_after_the_other_and_are_joined(started, tmp_path, monkeypatch):
    """Runs are those of `started`, on data that are there; what has no model tells one object."""
    one, logits = np.zeros(1, int), np.float32([[1, 0, 0]])
    told = class_evidence.Told(*[one] * 5, logits)
    monkeypatch.setattr(class_evidence, "told", lambda folder, annotations: told)
    for name in ("local", "global"):
        (tmp_path / "data" / name).mkdir()
        for entry in list((tmp_path / "data").iterdir()):
            if entry.name not in ("local", "global"):
                (tmp_path / "data" / name / entry.name).symlink_to(entry)
    places = ["--workdir", str(tmp_path / "work"), "--data-dir", str(tmp_path / "data")]
    chosen = ["--size", "tiny", "--seeds", "0", "--rows", "none", "addition"]
    evidence.main([*places, *chosen, "--conditions", "local", "global"])
    for folder in ("local/evidence", "global/evidence", "evidence"):
        assert (tmp_path / "work" / folder / "report.md").exists()
    text = (tmp_path / "work" / "evidence" / "report.md").read_text()
    assert "global: addition" in text and "gain of addition over none" in text
    text = (tmp_path / "work" / "global/evidence" / "report.md").read_text()
    assert "none: objects taken for another class" in text
    assert len(started) == 2 * 3  # and the detector, which is no row


def test_all_linkers_get_the_detections_of_one_arm(tmp_path):
    own = evidence_linking.experiment(CONDITIONS["local"], TINY)
    assert not own.ready(own.dataset)[1]  # every configuration and field exists
    plan = Plan(own.dataset, tmp_path, {}, tmp_path / "runs")
    runs = {run.label: run for run in plan.runs(own.runs, [0])}
    none = runs["none"]
    assert none.folder == planned_in(tmp_path, "local")["none"].folder
    for label in evidence_linking.LINKERS[1:]:
        assert runs[label].mode == EVALUATE and runs[label].checkpoint == none.checkpoint
    longer = runs["3 embeddings, masks, two rounds"]
    assert "--config.model.tracker.length=3" in longer.settings


def test_fusion_is_asked_of_the_runs_that_there_are(tmp_path):
    own = evidence_fusion.experiment(CONDITIONS["local"], TINY)
    plan = Plan(own.dataset, tmp_path, {}, tmp_path / "runs")
    runs = {run.label: run for run in plan.runs(own.runs, [0])}
    known = planned_in(tmp_path, "local")
    assert {label: run.folder for label, run in runs.items()} == {
        label: known[label].folder for label in (evidence.DETECTOR, evidence.NONE)
    }


def test_what_is_wrong_is_one_line(tmp_path, capsys):
    with pytest.raises(SystemExit) as stopped:
        evidence.main(["--workdir", str(tmp_path), "--rows", "nobody", "--size", "tiny"])
    assert stopped.value.code == 2 and "nobody" in capsys.readouterr().err
    assert not isinstance(stopped.value, InputError)
