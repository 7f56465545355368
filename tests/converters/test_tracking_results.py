import json

import numpy as np
import pytest
from converters.random_clips import random_annotations
from pycocotools.coco import COCO

from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.documents import to_document
from ovis_jax.tools.convert_annotations import main


@pytest.fixture
def predicted(tmp_path):
    """An annotation file and results that find its objects, the first of them again, surer."""
    document = to_document(random_annotations(3))
    (tmp_path / "a.json").write_text(json.dumps(document))
    fields = ("video_id", "category_id", "segmentations")
    records = [{field: record[field] for field in fields} | {"score": 0.5}
               for record in document["annotations"]]  # fmt: skip
    records.append(records[0] | {"score": 0.75, "category_id": 11 - records[0]["category_id"]})
    (tmp_path / "results.json").write_text(json.dumps(records))
    return document, records


def convert(folder, target, output, *options, source="results", path="results.json"):
    arguments = ["--from", source, "--to", target, "--input", folder / path]
    return main([str(a) for a in [*arguments, "--output", folder / output, *options]])


def test_results_become_coco_with_scores_that_pycocotools_reads(predicted, tmp_path, capsys):
    document, records = predicted
    assert convert(tmp_path, "coco", "c.json", "--annotations", tmp_path / "a.json") == 0
    coco = COCO(str(tmp_path / "c.json"))
    assert len(coco.imgs) == sum(video["length"] for video in document["videos"])
    entries = list(coco.anns.values())
    masks = [mask for record in records for mask in record["segmentations"] if mask]
    assert [entry["segmentation"] for entry in entries] == masks
    assert {entry["track_id"]: entry["score"] for entry in entries} == {
        number: record["score"] for number, record in enumerate(records, start=1)}  # fmt: skip
    for entry in entries:
        np.testing.assert_array_equal(coco.annToMask(entry).sum(), entry["area"])


def test_the_list_of_results_fits_the_images_of_the_converted_ground_truth(predicted, tmp_path):
    _, records = predicted
    assert convert(tmp_path, "coco", "gt.json", source="ovis", path="a.json") == 0
    options = ("--annotations", tmp_path / "a.json")
    assert convert(tmp_path, "coco-results", "r.json", *options) == 0
    listed = json.loads((tmp_path / "r.json").read_text())
    assert all(entry.keys() >= {"image_id", "track_id", "video_id", "bbox"} for entry in listed)
    truth = COCO(str(tmp_path / "gt.json"))
    loaded = truth.loadRes(str(tmp_path / "r.json"))
    first = len([mask for mask in records[0]["segmentations"] if mask])
    for entry, own in zip(list(loaded.anns.values())[:first], truth.anns.values(), strict=False):
        assert (entry["image_id"], entry["segmentation"]) == (own["image_id"], own["segmentation"])


def test_scores_go_where_there_is_a_place_and_the_surest_keeps_shared_pixels(
    predicted, tmp_path, capsys
):
    options = ("--annotations", tmp_path / "a.json")
    assert convert(tmp_path, "ovis", "o.json", *options) == 0
    assert "note: scores are not kept" in capsys.readouterr().out
    assert len(load_annotations(tmp_path / "o.json").instances) == len(predicted[1])
    assert convert(tmp_path, "mots-txt", "text", *options) == 0
    assert "pixels of several objects" in capsys.readouterr().out
    back = tmp_path / "text"
    options = ("--categories", tmp_path / "a.json", "--first-frame", 0)
    assert convert(tmp_path, "ovis", "b.json", *options, source="mots-txt", path=back) == 0
    found = load_annotations(tmp_path / "b.json").instances
    assert len(found) == len(predicted[1]) - 1  # nothing is left of the first


def test_what_is_missing_for_results_is_one_line(predicted, tmp_path, capsys):
    assert convert(tmp_path, "coco", "c.json") == 2
    assert convert(tmp_path, "coco-results", "c.json", source="ovis", path="a.json") == 2
    wrong = tmp_path / "wrong.json"
    wrong.write_text(json.dumps([predicted[1][0] | {"video_id": 77}]))
    options = ("--annotations", tmp_path / "a.json")
    assert convert(tmp_path, "coco", "c.json", *options, path="wrong.json") == 2
    lines = capsys.readouterr().err.splitlines()
    for line, words in zip(lines, ("--annotations", "no score", "video_id: 77"), strict=True):
        assert words in line
    assert not (tmp_path / "c.json").exists()
