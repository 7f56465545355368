import gzip
import json
import types

import numpy as np
import pytest

from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.result_heads import NO_CATEGORY, ResultsOptions
from ovis_jax.formats.results import load_results, read_results


@pytest.fixture
def annotations(contents, write):
    return load_annotations(write(contents, "annotations.json"))


@pytest.fixture
def records(contents):
    masks = [a["segmentations"] for a in contents["annotations"]]
    return [
        {"video_id": 7, "category_id": 5, "score": 0.5, "segmentations": masks[0]},
        {"video_id": 2, "category_id": 3, "score": 1, "segmentations": masks[1]},
    ]


def facts(tracks) -> list:
    return [(t.video_id, t.category_id, t.score, t.segmentations.entries) for t in tracks]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\n\n"])
def test_one_record_a_line_reads_as_a_list(annotations, records, tmp_path, end):
    path = tmp_path / "results.jsonl"
    text = "".join(json.dumps(record) + end for record in records).encode()
    for content in (text, text.rstrip(), gzip.compress(text), text.decode().encode("utf-16")):
        path.write_bytes(content)
        assert facts(load_results(path, annotations)) == facts(load_results(records, annotations))


def test_a_problem_of_a_line_is_named(annotations, records, write):
    text = json.dumps(records[0]) + "\n" + json.dumps(records[1] | {"score": None})
    with pytest.raises(InputError, match=r"results\[1\].*score"):
        load_results(write(text, "results.jsonl"), annotations)
    with pytest.raises(InputError, match="malformed JSON at character .*line 2"):
        load_results(write(text[:-9], "results.jsonl"), annotations)


@pytest.mark.parametrize("key", ["results", "videos", "annotations"])
def test_an_object_that_is_no_record_is_refused_at_its_first_list(annotations, write, key):
    text = f'{{"{key}": [1, 2, and no more of it'
    with pytest.raises(InputError, match=f"expected a list of tracks, .* key '{key}'"):
        load_results(write(text, "results.json"), annotations)


def with_numpy(record: dict) -> dict:
    masks = [
        mask
        and {"size": np.array(mask["size"], np.int32), "counts": bytearray(mask["counts"].encode())}
        for mask in record["segmentations"]
    ]
    return {
        "video_id": np.int64(record["video_id"]),
        "category_id": np.array(record["category_id"], np.uint8),
        "score": np.float32(record["score"]),
        "segmentations": tuple(masks),
        "track": object(),
    }


def test_records_of_numpy_read_as_those_of_json_and_stay_as_they_are(annotations, records):
    made = [with_numpy(record) for record in records]
    sizes = [mask["size"] for r in made for mask in r["segmentations"] if mask]
    for source in (made, tuple(made), (r for r in made), np.array(made, object)):
        assert facts(load_results(source, annotations)) == facts(load_results(records, annotations))
    assert all(type(size) is np.ndarray for size in sizes)
    assert type(made[0]["score"]) is np.float32 and type(made[0]["segmentations"]) is tuple
    frozen = [types.MappingProxyType(record) for record in made]
    assert facts(load_results(frozen, annotations)) == facts(load_results(records, annotations))


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("video_id", np.bool_(True), "video_id: expected a whole number, is True"),
        ("video_id", np.array([7, 7]), "video_id: expected a whole number, is a list"),
        pytest.param("video_id", 10**5000, "video_id: expected at most", id="huge"),
        ("score", np.float64("nan"), "score: expected a finite number, is nan"),
        ("score", 1j, "score: expected a finite number, is of type complex"),
        ("segmentations", np.zeros((3, 400, 600)), "segmentations: expected a list, is of type"),
        ("segmentations", [np.zeros((4, 6), bool)] * 3, "frame 0: expected a .*is a list"),
        ("segmentations", [np.zeros((400, 600))] * 3, r"frame 0: .*of type ndarray \(400, 600\)"),
        ("segmentations", [{"size": np.eye(300), "counts": "0"}] * 3, "frame 0: size is of type"),
        (
            "segmentations",
            [{"size": [4, 6], "counts": np.eye(300)}] * 3,
            r"counts are of type ndarray \(3",
        ),
        ("segmentations", iter([]), "segmentations: expected a list, is of type"),
    ],
)
def test_what_no_file_could_hold_is_named(annotations, records, field, value, message):
    with pytest.raises(InputError, match=message):
        load_results([records[0] | {field: value}], annotations)


def test_a_record_that_holds_itself_is_bad_input(annotations, records):
    records[0]["segmentations"] = [records[0]["segmentations"]] * 3
    records[0]["segmentations"][1] = records[0]["segmentations"]
    with pytest.raises(InputError):
        load_results(records, annotations)


@pytest.mark.parametrize("source", [None, 3, b"results.json", {"results": []}])
def test_what_is_neither_path_nor_list_is_bad_input(annotations, source):
    with pytest.raises(InputError, match="results: expected a path or a list of tracks"):
        load_results(source, annotations)


def test_an_empty_list_is_no_mask(annotations, records):
    records[1]["segmentations"][0] = []
    assert load_results(records, annotations)[1].segmentations[0] is None


def test_tracks_of_what_the_annotations_lack_are_dropped_and_counted(annotations, records):
    more = [records[0] | {"video_id": 70, "segmentations": None}, *records]
    more += [records[1] | {"category_id": 9.0}, records[1] | {"video_id": 71}, more[0]]
    options = ResultsOptions(frozenset(["videos", "categories"]))
    found = read_results(more, annotations, options)
    assert facts(found.tracks) == facts(load_results(records, annotations))
    assert found.dropped == {"videos": {70: 2, 71: 1}, "categories": {9: 1}}
    with pytest.raises(InputError, match=r"results\[3\].*category_id: 9"):
        read_results(more, annotations, ResultsOptions(frozenset(["videos"])))


def test_results_of_other_videos_alone_are_bad_input(annotations, records):
    options = ResultsOptions(frozenset(["videos"]))
    with pytest.raises(InputError, match="none of the 2 tracks"):
        read_results([r | {"video_id": 70} for r in records], annotations, options)
    assert read_results([], annotations, options).tracks == []


def test_where_categories_do_not_matter_any_or_none_will_do(annotations, records):
    del records[0]["category_id"]
    records[1]["category_id"] = 99
    found = read_results(records, annotations, ResultsOptions(class_agnostic=True)).tracks
    assert [track.category_id for track in found] == [NO_CATEGORY, 99]
