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


def test_only_what_is_sure_enough_is_read(predicted, tmp_path, capsys):
    _, records = predicted
    options = ("--annotations", tmp_path / "a.json")
    assert convert(tmp_path, "coco", "c.json", *options, "--min-score", 0.6) == 0
    assert f"{len(records) - 1} of {len(records)} tracks are left out" in capsys.readouterr().out
    entries = json.loads((tmp_path / "c.json").read_text())["annotations"]
    assert {entry["score"] for entry in entries} == {0.75}
    assert convert(tmp_path, "ovis", "o.json", *options, "--most-tracks", 2) == 0
    found = load_annotations(tmp_path / "o.json")
    own = {v.id: [i.category_id for i in found.instances_of(v.id)] for v in found.videos}
    for video, categories in own.items():
        mine = [record for record in records if record["video_id"] == video]
        best = sorted(range(len(mine)), key=lambda place: -mine[place]["score"])[:2]
        assert categories == [mine[place]["category_id"] for place in sorted(best)]


@pytest.mark.parametrize("option", ["--min-score", "--most-tracks"])
def test_choices_among_results_are_for_results_alone(option, predicted, tmp_path, capsys):
    options = (option, 1)
    assert convert(tmp_path, "coco", "c.json", *options, source="ovis", path="a.json") == 2
    assert f"{option}: is for --from results alone" in capsys.readouterr().err


def test_results_speak_of_frames_that_nobody_annotated_too(predicted, tmp_path):
    document, _ = predicted
    for video in document["videos"]:
        video["annotated_frames"] = []
    (tmp_path / "a.json").write_text(json.dumps(document | {"annotations": None}))
    assert convert(tmp_path, "ovis", "o.json", "--annotations", tmp_path / "a.json") == 0
    found = load_annotations(tmp_path / "o.json")
    assert all(video.annotated_frames is None for video in found.videos)


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
