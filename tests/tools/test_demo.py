"""The demo tracks what it is given with a packed model, and says what to look at."""

import json

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict
from models.tiny import tiny_config
from tiny_movies import corner_frames

from ovis_jax.checkpoints.packed import read_packed, write_packed
from ovis_jax.data.from_config import resizing
from ovis_jax.data.movie_files import read_movie
from ovis_jax.data.shapes.classes import OUTLINES as SHAPES
from ovis_jax.demo import MODEL
from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.results import load_results
from ovis_jax.models.build import build_model, build_system, init_variables
from ovis_jax.program.config_changes import completed
from ovis_jax.tools import demo
from ovis_jax.visualization.movie import write_movie

CATEGORIES = [Category(number, name) for number, name in enumerate(SHAPES, start=1)]


@pytest.fixture
def tiny_model(tmp_path, monkeypatch):
    """The packed file is one of the tiny network, whose weights are random."""
    config = tiny_config(calibrated=False).copy_and_resolve_references()
    variables = init_variables(build_system(config), jax.random.key(0))
    path = tmp_path / "tiny.npz"
    write_packed(path, variables, json.loads(config.to_json()), CATEGORIES, {})
    monkeypatch.setattr(demo, "MODEL", path)


def test_a_clip_is_generated_tracked_scored_and_drawn(tiny_model, tmp_path, capsys):
    assert demo.main(["--output", str(tmp_path / "made")]) == 0
    files = {path.name for path in (tmp_path / "made").iterdir()}
    assert files == {"clip", "index.html", "results.json", "video_1.mp4", "video_1.png"}
    truth = load_annotations(tmp_path / "made" / "clip" / "annotations_valid.json")
    assert len(truth.videos) == 1 and truth.has_ground_truth
    load_results(tmp_path / "made" / "results.json", truth)
    out = capsys.readouterr().out
    assert "AP of this clip: " in out and "index.html" in out


def test_a_video_of_ones_own_is_tracked_in_its_own_length(tiny_model, tmp_path, capsys):
    write_movie(tmp_path / "own.mp4", list(corner_frames(5, 80, 48)), 5.0)
    arguments = ["--input", str(tmp_path / "own.mp4"), "--output", str(tmp_path / "made")]
    assert demo.main(arguments) == 0
    assert len(list(read_movie(tmp_path / "made" / "overlay.mp4"))) == 5
    page = (tmp_path / "made" / "index.html").read_text()
    assert "<title>own.mp4</title>" in page and '"length": 5' in page


def test_a_video_that_is_not_there_is_one_line(tmp_path, capsys):
    assert demo.main(["--input", str(tmp_path / "no.mp4"), "--output", str(tmp_path / "x")]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1 and not (tmp_path / "x").exists()


def test_the_model_of_the_package_is_small_and_one_that_can_be_built():
    assert MODEL.stat().st_size <= 3_000_000
    packed = read_packed(MODEL)
    config = ConfigDict(completed(packed.config))
    assert resizing(config.data).pad_multiple == 32
    shapes = build_model(config)[1]
    assert jax.tree.structure(shapes) == jax.tree.structure(packed.variables)
    jax.tree.map(lambda x, y: np.testing.assert_equal(x.shape, y.shape), shapes, packed.variables)
    card = (MODEL.parent / "MODEL_CARD.md").read_text()
    assert str(packed.source["steps"]) in card
