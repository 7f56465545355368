"""Several processes find what one finds, whatever the file is like."""

import dataclasses
import gzip
import json
import pathlib
import random

import numpy as np
import pytest

from ovis_jax.evaluation import evaluate, match_results
from ovis_jax.evaluation.parallel import measure_files
from ovis_jax.formats.errors import InputError

SMALL = pathlib.Path(__file__).parents[1] / "recorded" / "golden" / "evaluation" / "small"
GT, RESULTS = SMALL / "gt.json", SMALL / "results.json"


def written(folder: pathlib.Path, records) -> pathlib.Path:
    path = folder / "results.json"
    path.write_text(json.dumps(records))
    return path


@pytest.mark.parametrize("workers", [2, 3])
@pytest.mark.parametrize("shuffled", [False, True])
def test_the_numbers_do_not_depend_on_the_number_of_processes(tmp_path, workers, shuffled):
    records = json.loads(RESULTS.read_text())
    if shuffled:
        random.Random(0).shuffle(records)
    path = written(tmp_path, records)
    assert measure_files(GT, path, workers) is not None
    one, many = match_results(GT, path), match_results(GT, path, workers=workers)
    assert many.num_tracks == len(records)
    for category, matches in one.matches.items():
        for field in dataclasses.fields(matches):
            mine = getattr(many.matches[category], field.name)
            np.testing.assert_array_equal(mine, getattr(matches, field.name))
    entries = {key: own.entries.tolist() for key, own in one.overlaps.items()}
    assert {key: own.entries.tolist() for key, own in many.overlaps.items()} == entries


def test_packed_and_tiny_files_are_left_to_one_process(tmp_path):
    packed = tmp_path / "results.json.gz"
    packed.write_bytes(gzip.compress(RESULTS.read_bytes()))
    assert measure_files(GT, packed, 2) is None
    assert measure_files(GT, written(tmp_path, []), 2) is None
    want = evaluate(GT, RESULTS).values
    assert evaluate(GT, packed, workers=2).values == want


@pytest.mark.parametrize("entry", [0, -1])
def test_a_problem_is_named_as_one_process_names_it(tmp_path, entry):
    records = json.loads(RESULTS.read_text())
    records[entry]["score"] = "high"
    path = written(tmp_path, records)
    messages = []
    for workers in (1, 2):
        with pytest.raises(InputError) as caught:
            evaluate(GT, path, workers=workers)
        messages.append(str(caught.value))
    assert messages[0] == messages[1]
    assert f"results[{entry % len(records)}]" in messages[0] and "score" in messages[0]


def test_the_same_track_in_two_parts_is_counted(tmp_path):
    records = json.loads(RESULTS.read_text())
    first = next(i for i, record in enumerate(records) if any(record["segmentations"]))
    path = written(tmp_path, [*records, records[first]])
    assert measure_files(GT, path, 2) is not None
    one, many = evaluate(GT, path), evaluate(GT, path, workers=2)
    assert many.notes == one.notes and "1 of 149 tracks" in many.notes[0]
    assert many.values == one.values


@pytest.mark.parametrize("class_agnostic", [False, True])
def test_what_the_ground_truth_lacks_is_dropped_in_every_part(tmp_path, class_agnostic):
    records = json.loads(RESULTS.read_text())
    for number in (0, 1, -1):
        records[number]["video_id" if number else "category_id"] += 100
    options = {"class_agnostic": class_agnostic, "ignore_unknown": ["videos", "categories"]}
    path = written(tmp_path, records)
    one, many = (evaluate(GT, path, workers=workers, **options) for workers in (1, 2))
    assert many.notes == one.notes and "2 tracks of 2 videos" in " ".join(one.notes)
    assert many.values == one.values
    np.testing.assert_array_equal(many.precision, one.precision)


def test_a_fault_of_the_ground_truth_is_named(tmp_path):
    gt = json.loads(GT.read_text())
    gt["annotations"][0]["iscrowd"] = 3
    (tmp_path / "gt.json").write_text(json.dumps(gt))
    with pytest.raises(InputError, match="iscrowd"):
        evaluate(tmp_path / "gt.json", RESULTS, workers=2)
    (tmp_path / "gt.json").write_text(json.dumps(gt | {"annotations": None}))
    with pytest.raises(InputError, match="no ground truth"):
        evaluate(tmp_path / "gt.json", RESULTS, workers=2)
