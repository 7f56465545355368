"""Exporting a packed model by command, and running it."""

import json
import sys

import jax
import numpy as np
import pytest
from models.detections import random_frames
from models.tiny import HEIGHT, WIDTH, tiny_config
from toy_model import toy_model

from ovis_jax.checkpoints.packed import write_packed
from ovis_jax.export.load import Model
from ovis_jax.formats.annotation_records import Category
from ovis_jax.models.build import build_system, init_variables
from ovis_jax.predict import Predictor
from ovis_jax.tools import export_model
from ovis_jax.tools.export_model import main

LENGTH = 5


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    """A packed model with calibration, whose weights are random."""
    config = tiny_config(reference_window=1).copy_and_resolve_references()
    config.unlock().data.image_scale = (WIDTH, HEIGHT)
    shapes = jax.eval_shape(lambda: init_variables(build_system(config), jax.random.key(0)))
    rng = np.random.default_rng(0)
    variables = jax.tree.map(lambda x: rng.normal(0.0, 0.1, x.shape).astype("f4"), shapes)
    path = tmp_path_factory.mktemp("packed") / "tiny.npz"
    categories = [Category(k + 1, f"shape {k}") for k in range(config.model.num_classes)]
    write_packed(path, variables, json.loads(config.to_json()), categories, {})
    return path


def test_the_command_writes_the_file_and_text(tmp_path, capsys, monkeypatch):
    model = toy_model(1)
    monkeypatch.setattr(export_model, "chosen_config", lambda *_: model.config)
    monkeypatch.setattr(export_model, "load_trained", lambda *_: model)
    options = ["--checkpoint=x", "--size", "80", "48", "--platforms", "cpu", "--causal"]
    files = [f"--output={tmp_path}/model.zip", f"--stablehlo={tmp_path}/text"]
    assert main([*options, *files, "--chunk=3"]) == 0
    out = capsys.readouterr().out
    assert "model.zip: " in out and f"{tmp_path}/text/step.cpu.mlir" in out
    about = Model(tmp_path / "model.zip", "cpu").about
    assert (about["delay"], about["chunk"]) == (0, 3)


@pytest.mark.exhaustive
def test_an_exported_model_finds_what_the_live_model_finds(packed, tmp_path):
    frames = np.array(random_frames(LENGTH))
    size = [str(WIDTH), str(HEIGHT)]
    options = ["--checkpoint", str(packed), "--size", *size, "--output", f"{tmp_path}/model.zip"]
    assert main([*options, "--platforms", "cpu", "--chunk", "2"]) == 0
    exported = Model(tmp_path / "model.zip", "cpu")
    assert exported.about["categories"][0] == {"id": 1, "name": "shape 0"}
    got = dict(exported.track(frames))
    live = list(Predictor.from_checkpoint(packed, chunk=2).track(frames))
    assert sum(len(result) for result in live) and sorted(got) == [*range(LENGTH)]
    for result in live:
        objects = got[result.frame]
        for field in ("ids", "labels"):
            np.testing.assert_array_equal(objects[field], getattr(result, field))
        for field in ("scores", "boxes"):
            np.testing.assert_allclose(objects[field], getattr(result, field), rtol=1e-5)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--checkpoint", "nowhere"], "nowhere"),
        (
            ["--checkpoint", "PACKED", "--config.model.nothing=1"],
            "--config: unknown field: 'nothing'",
        ),
        (["--checkpoint", "PACKED", "--config", "quickstrat"], "did you mean quickstart"),
    ],
)
def test_bad_input_is_one_line(packed, tmp_path, capsys, arguments, said):
    given = [str(packed) if each == "PACKED" else each for each in arguments]
    size = ["--size", "96", "64", "--output", str(tmp_path / "model.zip")]
    assert main([*given, *size]) == 2
    error = capsys.readouterr().err
    assert said in error and error.count("\n") == 1 and not (tmp_path / "model.zip").exists()


@pytest.mark.parametrize(
    ("option", "path", "expected"),
    [
        ("--output", "file/model.zip", "file is a file, expected a folder"),
        ("--output", "folder", "a folder, expected the name of a file"),
        ("--stablehlo", "file", "file is a file, expected a folder"),
        ("--saved-model", "file/below", "file is a file, expected a folder"),
    ],
)
def test_what_cannot_be_written_is_one_line_before_any_work(
    tmp_path, capsys, monkeypatch, option, path, expected
):
    monkeypatch.setattr(export_model, "load_trained", lambda *_: 1 / 0)
    (tmp_path / "file").write_text("mine")
    (tmp_path / "folder").mkdir()
    options = ["--checkpoint=x", "--size", "96", "64", f"--output={tmp_path}/model.zip"]
    assert main([*options, f"{option}={tmp_path}/{path}"]) == 2
    error = capsys.readouterr().err
    assert expected in error and error.count("\n") == 1
    assert sorted(own.name for own in tmp_path.iterdir()) == ["file", "folder"]


def test_a_saved_model_without_tensorflow_is_one_line(packed, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow", None)
    files = [f"--checkpoint={packed}", f"--output={tmp_path}/m.zip", f"--saved-model={tmp_path}/s"]
    assert main([*files, "--size", "96", "64"]) == 2
    assert capsys.readouterr().err == "--saved-model: tensorflow is not installed\n"
    assert not list(tmp_path.iterdir())
