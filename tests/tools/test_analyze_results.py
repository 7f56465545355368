import json

import cv2
import numpy as np
import pytest

from ovis_jax.analysis import analyze as story
from ovis_jax.analysis.sections import Column, Place, Section, Table
from ovis_jax.evaluation import evaluate
from ovis_jax.tools.analyze_results import main
from tests.evaluation.scenes import random_scene
from tests.tools.test_evaluate_results_fuzz import as_json


@pytest.fixture
def files(tmp_path):
    """A ground truth and two results files."""
    content = as_json(*random_scene(0))
    (tmp_path / "gt.json").write_text(json.dumps(content["gt"]))
    (tmp_path / "first.json").write_text(json.dumps(content["results"]))
    (tmp_path / "second.json").write_text(json.dumps(content["results"][:12]))
    return tmp_path


def run(folder, *names, options=()):
    results = [str(folder / f"{name}.json") for name in names]
    paths = ["--annotations", str(folder / "gt.json"), "--results", *results]
    return main([*paths, "--output", str(folder / "out"), *options])


def numbers(folder):
    return json.loads((folder / "out" / "report.json").read_text())


def test_one_file_is_explained(files, capsys):
    assert run(files, "first") == 0
    assert capsys.readouterr().out == f"wrote {files}/out/report.html\n"
    values = numbers(files)["first"]
    metrics = evaluate(files / "gt.json", files / "first.json").values
    assert values["average_precision"]["all"]["AP"] == metrics["AP"]
    assert values["error_costs"]["before"]["AP"] == pytest.approx(metrics["AP"])
    assert (files / "out" / "tables" / "error_rates.csv").is_file()


def test_several_files_are_compared_on_the_same_draws(files):
    assert run(files, "first", "second", options=["--samples", "20"]) == 0
    values = numbers(files)
    assert list(values) == ["comparison", "first", "second"]
    own = values["comparison"]["error_rates"]["second"]["Segmentation, all"]
    alone = [
        values[name]["error_rates"]["segmentation"]["all"]["rate"]
        for name in values
        if name != "comparison"
    ]
    assert own["difference"] == pytest.approx(alone[1] - alone[0])
    assert own["difference_interval"][0] <= own["difference_interval"][1]


def test_names_can_be_given(files):
    assert run(files, "first", "first", options=["--names", "x", "y", "--samples", "5"]) == 0
    values = numbers(files)
    assert values["x"] == values["y"]


@pytest.mark.parametrize(
    "options, message",
    [
        (["--names", "a"], "--names: 1, expected 2"),
        (["--names", "a", "a"], "different names"),
        (["--names", "a", "comparison"], "different names"),
        (["--samples", "0"], "at least 1"),
        (["--images", "nowhere"], "no such folder"),
    ],
)
def test_options_that_do_not_fit_are_one_line(files, capsys, options, message):
    try:
        code = run(files, "first", "second", options=options)
    except SystemExit as error:
        code = error.code
    out, err = capsys.readouterr()
    assert code == 2 and not out
    assert message in err and err.startswith("ovis-jax analyze: ") and err.count("\n") == 1
    assert not (files / "out").exists()


def test_a_file_in_the_place_of_the_folder_is_said_before_reading(files, capsys):
    (files / "out").write_text("")
    assert run(files, "missing") == 2
    assert "out is a file, expected a folder" in capsys.readouterr().err


def test_files_without_ground_truth_are_refused(files, capsys):
    content = json.loads((files / "gt.json").read_text()) | {"annotations": None}
    (files / "gt.json").write_text(json.dumps(content))
    assert run(files, "first") == 2
    assert "annotations: null" in capsys.readouterr().err


def test_unknown_categories_can_be_dropped(files, capsys):
    content = json.loads((files / "first.json").read_text())
    content[0]["category_id"] = 77
    (files / "first.json").write_text(json.dumps(content))
    assert run(files, "first") == 2 and "77" in capsys.readouterr().err
    assert run(files, "first", options=["--ignore-unknown-categories"]) == 0
    text = (files / "out" / "report.md").read_text()
    assert "first: 19 tracks; left out: 1 of unknown categories." in text


class Pointer:
    """An analysis whose table names a place."""

    def __init__(self, annotations):
        pass

    def add(self, scene):
        pass

    def sections(self):
        table = Table("places", "Places", [Column("")], [[Place("there", 2, 1)]])
        return [Section("places", "Places", "", [table])]

    @classmethod
    def comparison(cls, systems, draws):
        return []


def test_places_are_linked_to_drawn_videos(files, monkeypatch):
    monkeypatch.setattr(story, "ANALYSES", (Pointer,))
    content = json.loads((files / "gt.json").read_text())
    for video in content["videos"]:
        video["file_names"] = [f"{video['id']}_{frame}.png" for frame in range(3)]
        for name in video["file_names"]:
            picture = np.zeros((video["height"], video["width"], 3), np.uint8)
            cv2.imwrite(str(files / name), picture)
    (files / "gt.json").write_text(json.dumps(content))
    options = ["--images", str(files)]
    assert run(files, "first", options=options) == 0
    address = "videos/index.html#video-2-frame-1"
    assert f'<a href="{address}">there</a>' in (files / "out" / "report.html").read_text()
    page = (files / "out" / "videos" / "index.html").read_text()
    assert "video 2 (" in page and "video 1 (" not in page
    assert (files / "out" / "videos" / "video_2.mp4").is_file()
    assert run(files, "first", "second", options=[*options, "--samples", "5"]) == 0
    page = (files / "out" / "report.html").read_text()
    assert "videos/1_first/index.html#video-2-frame-1" in page
    assert "videos/2_second/index.html#video-2-frame-1" in page
