import json
import os

import numpy as np
import pytest

from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.results import load_results, write_results


@pytest.fixture
def annotations(contents, write):
    return load_annotations(write(contents, "annotations.json"))


@pytest.fixture
def records(contents):
    masks = [a["segmentations"] for a in contents["annotations"]]
    return [
        {"video_id": 7, "category_id": 5, "score": 0.5, "segmentations": masks[0]},
        {"video_id": 2, "category_id": 3, "score": 1, "segmentations": masks[1], "occlusion": 3},
    ]


def test_tracks_are_those_of_the_records(annotations, records):
    tracks = load_results(records, annotations)
    assert [(t.video_id, t.category_id, t.score) for t in tracks] == [(7, 5, 0.5), (2, 3, 1.0)]
    first = tracks[0].segmentations
    assert [first[t] for t in range(3)] == records[0]["segmentations"]
    np.testing.assert_array_equal(first.areas(), [4, 0, 4])


def test_a_written_file_reads_as_the_records(annotations, records, tmp_path):
    path = tmp_path / "new" / "results.json"
    write_results(path, records)
    assert json.loads(path.read_text()) == records
    assert [t.score for t in load_results(path, annotations)] == [0.5, 1.0]


def test_no_tracks_are_fine(annotations, tmp_path):
    assert load_results([], annotations) == []
    write_results(tmp_path / "results.json", [])
    assert load_results(tmp_path / "results.json", annotations) == []


def test_reading_does_not_change_the_records(annotations, records):
    before = json.dumps(records)
    load_results(records, annotations)
    assert json.dumps(records) == before


def test_records_in_memory_may_have_the_bytes_and_tuples_of_pycocotools(annotations, records):
    expected = load_results(records, annotations)[0].segmentations
    for mask in (records[0]["segmentations"][0], records[0]["segmentations"][2]):
        mask["counts"], mask["size"] = mask["counts"].encode(), tuple(mask["size"])
    found = load_results(records, annotations)[0].segmentations
    assert [found[t] for t in range(3)] == [expected[t] for t in range(3)]
    np.testing.assert_array_equal(found.areas(), expected.areas())


def test_whole_floats_are_ids(annotations, records):
    records[0]["video_id"] = 7.0
    assert load_results(records, annotations)[0].video_id == 7


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("video_id", ..., "video_id: missing"),
        ("video_id", 1, "video_id: 1 is not in the annotations"),
        ("video_id", "2", "video_id: expected a whole number, is '2'"),
        ("category_id", ..., "category_id: missing"),
        ("category_id", 4, "category_id: 4 is not in the annotations"),
        ("category_id", True, "category_id: expected a whole number"),
        ("score", ..., "score: missing"),
        ("score", None, "score: expected a finite number, is null"),
        ("score", "0.5", "score: expected a finite number, is '0.5'"),
        ("score", True, "score: expected a finite number"),
        ("score", float("nan"), "score: expected a finite number, is nan"),
        ("score", float("inf"), "score: expected a finite number, is inf"),
        ("score", 10**400, "score: expected a finite number"),
        ("segmentations", ..., "segmentations: missing"),
        ("segmentations", None, "segmentations: expected a list, is null"),
        ("segmentations", [None], "segmentations: 1 entries, expected 2"),
        ("segmentations", [None, {}], "segmentations, frame 1: run-length mask without size"),
        ("segmentations", [None, [[0] * 6]], "frame 1: expected a compressed run-length mask"),
        (
            "segmentations",
            [None, {"size": [4, 6], "counts": [24]}],
            "frame 1: expected a compressed run-length mask",
        ),
        ("segmentations", [None, {"size": [6, 4], "counts": "h0"}], r"frame 1: size is \[6, 4\]"),
        ("segmentations", [None, {"size": [4, 6], "counts": "1"}], "frame 1: counts add up to 1"),
        ("segmentations", [None, {"size": [4, 6], "counts": ""}], "frame 1: counts are empty"),
        (
            "segmentations",
            [{"size": [4, 6], "counts": "h0"}, {"size": [4, 6], "counts": None}],
            "segmentations, frame 1: counts are null",
        ),
        (
            "segmentations",
            [{"size": None, "counts": "h0"}, None],
            "segmentations, frame 0: size is None",
        ),
    ],
)
def test_an_error_names_entry_and_field(annotations, records, tmp_path, field, value, message):
    if value is ...:
        del records[1][field]
    else:
        records[1][field] = value
    with pytest.raises(InputError, match=rf"^results\[1\].*[:,] {message}"):
        load_results(records, annotations)
    path = tmp_path / "results.json"
    path.write_text(json.dumps(records))
    with pytest.raises(InputError, match=rf"results.json: results\[1\].*[:,] {message}"):
        load_results(path, annotations)


def test_an_entry_that_is_no_object_is_bad_input(annotations):
    with pytest.raises(InputError, match=r"results\[0\]: expected an object, is a number"):
        load_results([3], annotations)


@pytest.mark.parametrize("text", ["", "{}", "[{", "[] []"])
def test_a_malformed_file_is_bad_input(annotations, write, text):
    with pytest.raises(InputError, match="results.json"):
        load_results(write(text, "results.json"), annotations)


def test_results_that_json_cannot_hold_leave_no_file(records, tmp_path):
    records[0]["score"] = float("nan")
    with pytest.raises(ValueError):
        write_results(tmp_path / "results.json", records)
    assert "results.json" not in os.listdir(tmp_path)
