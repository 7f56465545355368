"""--crowds-are-objects and --boxes-from-masks, in the tools that have them."""

import json

import pytest
from tiny_downloads import write_ovis_download
from tiny_ovis import tiny_config, write_tiny_ovis

from ovis_jax.data.samples import open_training_data
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.errors import InputError
from ovis_jax.tools import (
    browse,
    build_records,
    convert_annotations,
    dataset_statistics,
    evaluate_results,
    split_annotations,
)

CROWDS, BOXES = "--crowds-are-objects", "--boxes-from-masks"


@pytest.fixture
def tiny(tmp_path):
    """Annotation file and folder of frames."""
    write_tiny_ovis(tmp_path)
    return tmp_path / "annotations.json", tmp_path / "frames"


def rewrite(path, change):
    document = json.loads(path.read_text())
    for annotation in document["annotations"]:
        change(annotation)
    path.write_text(json.dumps(document))


def mark_as_crowd(annotation):
    annotation["iscrowd"] = 1


def write_corners(annotation):
    boxes = annotation["bboxes"]
    annotation["bboxes"] = [b and [b[0], b[1], b[0] + b[2], b[1] + b[3]] for b in boxes]


def run(tool, *arguments):
    return tool.main([str(argument) for argument in arguments])


def test_statistics_need_right_boxes(tiny, capsys):
    assert run(dataset_statistics, "--annotations", tiny[0]) == 0
    right = capsys.readouterr().out
    rewrite(tiny[0], write_corners)
    assert run(dataset_statistics, "--annotations", tiny[0]) == 2
    assert "written as x1, y1, x2, y2" in capsys.readouterr().err
    assert run(dataset_statistics, "--annotations", tiny[0], BOXES) == 0
    assert capsys.readouterr().out == right


def test_statistics_say_that_all_objects_are_crowds(tiny, capsys):
    rewrite(tiny[0], mark_as_crowd)
    assert run(dataset_statistics, "--annotations", tiny[0]) == 0
    assert "all 6 objects are crowds" in capsys.readouterr().err
    assert run(dataset_statistics, "--annotations", tiny[0], CROWDS) == 0
    shown = capsys.readouterr()
    assert "27" in shown.out.splitlines()[1] and not shown.err


def test_a_converted_file_has_objects_and_boxes_as_chosen(tiny, tmp_path):
    rewrite(tiny[0], mark_as_crowd)
    rewrite(tiny[0], write_corners)
    paths = ["--from", "ovis", "--to", "ovis", "--input", tiny[0], "--output", tmp_path / "b.json"]
    assert run(convert_annotations, *paths, CROWDS, BOXES) == 0
    found = load_annotations(tmp_path / "b.json").instances[0]
    assert not found.iscrowd and found.boxes[0].tolist() == [2, 2, 16, 16]


def test_a_split_says_that_all_objects_are_crowds_and_can_write_objects(tiny, tmp_path, capsys):
    rewrite(tiny[0], mark_as_crowd)
    paths = ["--annotations", tiny[0], "--output", tmp_path / "split"]
    assert run(split_annotations, *paths) == 0
    assert "all 6 objects are crowds" in capsys.readouterr().err
    assert load_annotations(tmp_path / "split" / "train.json").instances[0].iscrowd
    assert run(split_annotations, *paths, CROWDS) == 0
    assert not capsys.readouterr().err
    assert not load_annotations(tmp_path / "split" / "train.json").instances[0].iscrowd


def test_results_are_scored_on_crowds_that_are_objects(tiny, tmp_path, capsys):
    rewrite(tiny[0], mark_as_crowd)
    tracks = json.loads(tiny[0].read_text())["annotations"]
    fields = ("video_id", "category_id", "segmentations")
    results = [{"score": 0.5} | {field: track[field] for field in fields} for track in tracks]
    (tmp_path / "results.json").write_text(json.dumps(results))
    paths = ["--annotations", tiny[0], "--results", tmp_path / "results.json"]
    assert run(evaluate_results, *paths) == 0
    assert "all 6 objects are crowds" in capsys.readouterr().out
    for workers in (1, 2):
        assert run(evaluate_results, *paths, CROWDS, "--workers", workers) == 0
        assert capsys.readouterr().out.splitlines()[1].split()[:2] == ["all", "100.0"]


def test_a_browser_warns_and_draws(tiny, tmp_path, capsys):
    rewrite(tiny[0], mark_as_crowd)
    rewrite(tiny[0], write_corners)
    paths = ["--annotations", tiny[0], "--images", tiny[1], "--output", tmp_path / "page"]
    assert run(browse, *paths, "--videos", 1, CROWDS) == 0
    assert "written as x1, y1, x2, y2" in capsys.readouterr().err
    assert ", crowd" not in (tmp_path / "page" / "index.html").read_text()


def test_records_are_built_as_chosen_and_training_looks_at_it(tmp_path, capsys):
    write_ovis_download(tmp_path)
    for path in (tmp_path / "download").glob("annotations_*.json"):
        rewrite(path, mark_as_crowd)
        rewrite(path, write_corners)
    paths = ["--dataset", "ovis", "--download", tmp_path / "download", "--output", tmp_path / "b"]
    assert run(build_records, *paths, CROWDS) == 2
    assert "written as x1, y1, x2, y2" in capsys.readouterr().err
    assert run(build_records, *paths, BOXES) == 0
    config = tiny_config("/none", "/none")
    config.train_records = capsys.readouterr().out.splitlines()[-1]
    with pytest.raises(InputError, match="all 6 objects are crowds"):
        open_training_data(config, 4)
    config.crowds_are_objects = True
    with pytest.raises(InputError, match="was built without --crowds-are-objects"):
        open_training_data(config, 4)
    assert run(build_records, *paths, BOXES, CROWDS) == 0
    config.train_records = capsys.readouterr().out.splitlines()[-1]
    assert "frames_crowds_as_objects_mask_boxes" in config.train_records
    config.boxes = "masks"
    assert open_training_data(config, 4).num_samples == 15
