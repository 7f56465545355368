"""Damaged files end in a table or in exit code 2 and a message, and no number is from garbage."""

import copy
import gzip
import json
import pickle
import random
import sys

import numpy as np
import pytest

from ovis_jax.evaluation import evaluate
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.results import load_results
from ovis_jax.tools.evaluate_results import main
from tests.evaluation import naive
from tests.evaluation.scenes import random_scene

VALUES = [
    None, True, False, 0, 1, -1, 2, 3.0, 0.5, 1e308, 1e400, -1e400, float("nan"), 2**31, 2**32,
    2**63, 10**30, "", "1", "person", "0", "\x00", "é", "[", [], [None], [[]], [0], ["1"], {},
    {"id": 1},
    [12, 16], [16, 12], [10, 10, 10, 10], [[0.0, 0, 4, 0, 4, 4]], [[1e9] * 6], "no_occlusion",
    {"size": [12, 16], "counts": "0"}, {"size": [12, 16], "counts": [192]},
    {"size": [12, 16], "counts": [0, 192]}, {"size": [12, 16], "counts": [96, 97]},
    {"size": [12, 16], "counts": ""}, {"size": [0, 0], "counts": ""}, {"size": [12, 16]},
    [0, 0, 4, 0, 4, 4], "v1\\0.jpg", "1.0", 1.0,
]  # fmt: skip


def as_json(truth, tracks) -> dict[str, object]:
    def masks(segmentations):
        return [segmentations[frame] for frame in range(len(segmentations))]

    return {
        "gt": {
            "videos": [
                vars(video) | {"file_names": list(video.file_names)} for video in truth.videos
            ],
            "categories": [vars(category) for category in truth.categories],
            "annotations": [
                {
                    "id": i.id,
                    "video_id": i.video_id,
                    "category_id": i.category_id,
                    "iscrowd": int(i.iscrowd),
                    "segmentations": masks(i.segmentations),
                    "areas": i.areas.tolist(),
                    "bboxes": [None] * len(i.areas),
                    "occlusion": list(i.occlusion),
                }
                for i in truth.instances
            ],
        },
        "results": [
            {
                "video_id": t.video_id,
                "category_id": t.category_id,
                "score": t.score,
                "segmentations": masks(t.segmentations),
            }
            for t in tracks
        ],
    }


def with_common_kinds(files: dict) -> dict:
    """A copy as tools leave it: tracks there twice, fields null or left out, backslashes."""
    files = copy.deepcopy(files)
    files["results"] += copy.deepcopy(files["results"][::3])
    one, two = files["gt"]["videos"]
    del one["length"]
    one["file_names"] = [f"v1\\{frame}.jpg" for frame in range(len(one["file_names"]))]
    two["file_names"] = None
    for number, record in enumerate(files["gt"]["annotations"]):
        record["bboxes"] = None
        if number % 2:
            record["areas"] = record["avg_area"] = None
        if not record["iscrowd"]:
            record["iscrowd"] = None
    return files


def containers(content: bytes, value) -> list[bytes]:
    """The same contents, and others, in files of other kinds."""
    lines = "\n".join(map(json.dumps, value)) if isinstance(value, list) else ""
    return [
        content.decode().encode("utf-16"), b"\xef\xbb\xbf" + content, gzip.compress(content),
        lines.encode(), lines.encode("utf-16"), pickle.dumps(value), pickle.dumps(value, 0), b"",
        b"<html></html>", b"video_id,score,category_id\n1,0.5,1\n",
    ]  # fmt: skip


def places(value, path=()):
    """Paths of all values within a JSON value."""
    yield path
    if isinstance(value, dict | list):
        items = value.items() if isinstance(value, dict) else enumerate(value)
        for key, inner in items:
            yield from places(inner, (*path, key))


def damage(rng: random.Random, files: dict, values: list = VALUES) -> dict:
    """A copy with one or two values replaced, removed, repeated or scrambled."""
    files = copy.deepcopy(files)
    for _ in range(rng.randint(1, 2)):
        path = rng.choice([p for p in places(files) if len(p) > 1])
        parent = files
        for key in path[:-1]:
            parent = parent[key]
        last, kind = path[-1], rng.random()
        if kind < 0.15:
            del parent[last]
        elif kind < 0.25 and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[last]))
        elif isinstance(parent[last], str) and kind < 0.7:
            text = list(parent[last]) or ["0"]
            text[rng.randrange(len(text))] = chr(rng.choice([*range(40, 120), 0, 233]))
            parent[last] = "".join(text[: rng.randint(0, len(text))] if kind < 0.4 else text)
        elif type(parent[last]) in (int, float) and kind < 0.5:
            parent[last] += rng.choice([-1, 1, 0.5])
        else:
            parent[last] = copy.deepcopy(rng.choice(values))
    return files


def run(folder, capsys, *options: str, **contents: bytes) -> int:
    """The exit code; looks that messages are there when they should be, and nothing else is."""
    for name, content in contents.items():
        (folder / f"{name}.json").write_bytes(content)
    files = ["--annotations", f"{folder}/gt.json", "--results", f"{folder}/results.json"]
    code = main([*files, *options])
    out, err = capsys.readouterr()
    assert code in (0, 2)
    if code:
        lines = err.splitlines()
        assert not out and lines and all(line.startswith("ovis-jax evaluate: ") for line in lines)
        assert "Traceback" not in err
    else:
        assert not err and "AP" in out
    return code


def check_numbers(folder):
    """The numbers of accepted files are those of the rules, which look at pixels."""
    truth = load_annotations(folder / "gt.json")
    tracks = load_results(folder / "results.json", truth)
    if any(all(level is None for level in i.occlusion or (None,)) for i in truth.instances):
        return  # the rules say nothing of objects without labels
    precision, recall = naive.precision_and_recall(truth, tracks)
    metrics = evaluate(truth, tracks)
    np.testing.assert_allclose(metrics.precision, precision, rtol=0, atol=1e-12)
    np.testing.assert_allclose(metrics.recall, recall, rtol=0, atol=1e-12)


def check_processes(folder):
    """Two processes find what one finds."""
    paths = folder / "gt.json", folder / "results.json"
    assert evaluate(*paths).values == evaluate(*paths, workers=2).values


@pytest.mark.exhaustive
def test_damaged_values(tmp_path, capsys):
    rng, codes = random.Random(0), {0: 0, 2: 0}
    scenes = [as_json(*random_scene(seed)) for seed in range(5)]
    scenes += [with_common_kinds(scene) for scene in scenes[:3]]
    options = ["--class-agnostic", "--ignore-unknown-videos", "--ignore-unknown-categories"]
    for number in range(3000):
        files = damage(rng, scenes[number % len(scenes)])
        dumped = {name: json.dumps(content).encode() for name, content in files.items()}
        chosen = [option for option in options if rng.random() < 0.2]
        code = run(tmp_path, capsys, *chosen, **dumped)
        codes[code] += 1
        if code == 0 and not chosen and codes[0] % 4 == 0:
            check_numbers(tmp_path)
            if codes[0] % 16 == 0:  # a process starts in a second
                check_processes(tmp_path)
    assert min(codes.values()) > 50


@pytest.mark.exhaustive
def test_damaged_bytes(tmp_path, capsys):
    rng, codes = random.Random(1), {0: 0, 2: 0}
    values = with_common_kinds(as_json(*random_scene(0)))
    whole = {k: json.dumps(v).encode() for k, v in values.items()}
    for _ in range(1000):
        name = rng.choice(["gt", "results"])
        content = whole[name]
        if rng.random() < 0.4:
            content = rng.choice(containers(content, values[name]))
        content = bytearray(content or b"0")
        place = rng.randrange(len(content))
        kind = rng.random()
        if kind < 0.3:
            del content[place:]
        elif kind < 0.5:
            del content[place : place + rng.randint(1, 30)]
        else:
            content[place] = rng.randrange(256)
        codes[run(tmp_path, capsys, **(whole | {name: bytes(content)}))] += 1
    assert min(codes.values()) > 5


def test_common_kinds_change_no_number():
    whole = as_json(*random_scene(0))
    files = with_common_kinds(whole)
    metrics = evaluate(files["gt"], files["results"])
    assert "7 of 27 tracks" in metrics.notes[0]
    assert metrics.values == evaluate(whole["gt"], files["results"]).values


def test_other_containers_are_read_or_bad_input(tmp_path, capsys):
    files = as_json(*random_scene(0))
    whole = {k: json.dumps(v).encode() for k, v in files.items()}
    codes = [
        run(tmp_path, capsys, **(whole | {name: content}))
        for name, value in files.items()
        for content in containers(whole[name], value)
    ]
    assert set(codes) == {0, 2}


def test_damaged_records_in_memory_are_scored_or_bad_input():
    rng, refused = random.Random(2), 0
    values = [*VALUES, np.nan, np.array([1, 2]), np.zeros((3, 12, 16), bool), (), b"0", object()]
    for number in range(100):
        files = damage(rng, as_json(*random_scene(number % 3)), values)
        files["results"] = [numpy_record(record) for record in files["results"]]
        try:
            evaluate(files["gt"], files["results"])
        except InputError as error:
            assert str(error)
            refused += 1
    assert 0 < refused < 100


def numpy_record(record):
    """The record with numbers of numpy where it has numbers."""
    if not isinstance(record, dict):
        return record
    numbers = {k: np.float64(v) for k, v in record.items() if type(v) is float}
    whole = {k: np.int64(v) for k, v in record.items() if type(v) is int and abs(v) < 2**62}
    return record | numbers | whole


def test_nesting_beyond_all_reason_is_bad_input(tmp_path, capsys):
    deep = b"[" * (100 * sys.getrecursionlimit())
    whole = {k: json.dumps(v).encode() for k, v in as_json(*random_scene(0)).items()}
    assert run(tmp_path, capsys, **(whole | {"results": deep})) == 2
    assert run(tmp_path, capsys, **(whole | {"gt": b'{"videos": ' + deep})) == 2
