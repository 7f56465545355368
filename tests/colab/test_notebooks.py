"""The notebooks run from their first cell to their last, with small parameters."""

import json
import os
import re
import sys

import jax
import numpy as np
import pytest
from colab.notebook_cells import FOLDER
from tiny_movies import corner_frames, write_file

from ovis_jax.checkpoints.packed import write_packed
from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.rle import encode
from ovis_jax.models.build import build_system, init_variables
from ovis_jax.program.configurations import read_configuration

nbformat = pytest.importorskip("nbformat", reason="needs the extra `notebooks`")
nbclient = pytest.importorskip("nbclient", reason="needs the extra `notebooks`")
pytestmark = pytest.mark.exhaustive

ROOT = FOLDER.parent
CELL_SECONDS = 300
COMMAND = '#!/bin/sh\n"{python}" -m ovis_jax "$@" || {{ echo "$?: $*" >> "{failed}"; exit 1; }}\n'
TRAINING = dict(STEPS=2, SCALE="(96,64)")
OWN = TRAINING | dict(SAVE_EVERY=1)


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Runs a notebook in a folder of its own; fails when a cell or a command in one does."""
    failed, bin_folder = tmp_path / "failed", tmp_path / "bin"
    bin_folder.mkdir()
    command = bin_folder / "ovis-jax"
    command.write_text(COMMAND.format(python=sys.executable, failed=failed))
    command.chmod(0o755)
    folder = tmp_path / "notebook"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{bin_folder}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("PYTHONPATH", str(ROOT))

    def run(name, until=None, **parameters):
        for key, value in parameters.items():
            monkeypatch.setenv(f"OVIS_JAX_NOTEBOOK_{key}", str(value))
        notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
        nbformat.validate(notebook)
        if until is not None:  # the cells before the one with this text
            last = next(k for k, cell in enumerate(notebook.cells) if until in cell.source)
            del notebook.cells[last:]
        kernel = nbclient.NotebookClient(
            notebook,
            timeout=CELL_SECONDS,
            kernel_name="python3",
            resources={"metadata": {"path": str(folder)}},
        )
        kernel.execute()
        assert not failed.exists(), failed.read_text()
        # A kernel that has jax when a command begins holds the GPU or TPU that the command needs.
        assert "os.fork() was called" not in printed(notebook)
        return folder, notebook

    return run


def pictures(notebook):
    """How many pictures the notebook shows."""
    kinds = [
        kind
        for cell in notebook.cells
        for out in cell.get("outputs", ())
        for kind in out.get("data", ())
    ]
    return sum(kind in ("image/png", "image/svg+xml") for kind in kinds)


def printed(notebook):
    outputs = [out for cell in notebook.cells for out in cell.get("outputs", ())]
    return "\n".join(out.get("text", "") for out in outputs)


def test_results_are_scored_compared_and_analysed(run):
    folder, notebook = run("score_my_results", VIDEOS=6, SAMPLES=20)
    assert pictures(notebook) > 3
    assert (folder / "report/report.html").is_file()
    comparison = re.search(r"forgetful\.json +(-[\d.]+) \[", printed(notebook))
    assert comparison, "forgetting whom one saw costs AP"


def test_results_of_the_user_are_scored(run, tmp_path):
    video = dict(id=1, width=8, height=8, length=1)
    mask = encode(np.arange(64).reshape(8, 8) < 32)
    own = dict(video_id=1, category_id=1, segmentations=[mask])
    truth = dict(
        videos=[video], annotations=[own | dict(id=1)], categories=[dict(id=1, name="cat")]
    )
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    for name in ("a", "b"):
        (tmp_path / f"{name}.json").write_text(json.dumps([own | dict(score=0.5)]))
    _, notebook = run(
        "score_my_results",
        ANNOTATIONS=tmp_path / "truth.json",
        RESULTS=f"{tmp_path}/a.json {tmp_path}/b.json",
        SAMPLES=5,
    )
    assert "{'AP': 100.0, 'AP50': 100.0, 'AP75': 100.0}" in printed(notebook)


def test_the_quickstart_trains_predicts_and_shows(run):
    folder, notebook = run("quickstart", TRAIN_VIDEOS=2, VALID_VIDEOS=1, **TRAINING)
    assert pictures(notebook) == 3  # ground truth, evaluation, prediction
    assert (folder / "tracked/overlay.mp4").stat().st_size > 1000
    assert "computes on cpu" in printed(notebook)


def test_labels_of_a_tool_become_a_model_and_labels_to_correct(run, tmp_path):
    movie, frames = tmp_path / "clip.mkv", tmp_path / "frames"
    write_file(movie, corner_frames(7, 32, 48), "ffv1", "bgr0")
    folder, notebook = run(
        "train_on_your_videos", KIND="labelme", VIDEOS=movie, FRAMES=frames, **OWN
    )
    assert sorted(path.stem for path in frames.rglob("*.jpg")) == ["frame_000000", "frame_000005"]
    assert pictures(notebook) == 3
    assert "5 classes" in printed(notebook)
    assert re.search(r"step 1: AP \d+\.\d, AP50", printed(notebook))
    assert (folder / "run/results.json").is_file()
    assert re.search(r"\d+ files to correct", printed(notebook))


@pytest.mark.parametrize("kind", ["coco", "cvat"])
def test_labels_of_other_tools_become_the_same_files_to_train_on(run, kind):
    folder, notebook = run("train_on_your_videos", until="!ovis-jax train", KIND=kind)
    assert pictures(notebook) == 1 and "5 classes" in printed(notebook)
    labelled = load_annotations(folder / "clips/annotations_train.json")
    parts = [load_annotations(folder / f"split/{part}.json") for part in ("train", "minival")]
    assert sum(len(part.videos) for part in parts) == len(labelled.videos)
    assert sum(len(part.instances) for part in parts) == len(labelled.instances)


def write_untrained(path):
    """A packed model of the quickstart, and the names of its classes."""
    config = read_configuration("quickstart", [])
    variables = init_variables(build_system(config), jax.random.key(0))
    numbers = range(1, config.model.num_classes + 1)
    categories = [Category(number, f"shape {number}") for number in numbers]
    write_packed(path, variables, config.to_dict(), categories, {"steps": 0})


def test_calibration_is_drawn(run, tmp_path):
    write_untrained(tmp_path / "model.npz")
    _, notebook = run("how_tfc_works", MODEL=tmp_path / "model.npz", REACH=1)
    assert pictures(notebook) == 5  # those of the slider are inside the widget
    assert "epsilon_test 1: P(" in printed(notebook)
    widgets = notebook.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"]
    kinds = {widget["model_name"] for widget in widgets.values()}
    assert "ImageModel" in kinds
    # nbclient 0.11 may wait for ever for the reply of a cell whose output widget takes a picture.
    assert "OutputModel" not in kinds
