"""Damaged files end in a report or in exit code 2 and a message; see the evaluator's fuzz."""

import json
import random
import sys

import pytest

from ovis_jax.evaluation import evaluate
from ovis_jax.formats import atomic
from ovis_jax.tools.analyze_results import main
from tests.evaluation.scenes import random_scene
from tests.tools.test_evaluate_results_fuzz import as_json, containers, damage, with_common_kinds


def run(folder, capsys, contents: dict[str, bytes], *options: str) -> int:
    """The exit code; looks that there is a message or a report, and nothing else.

    `contents` are of gt.json and of the results of one or more systems.
    """
    for name, content in contents.items():
        (folder / f"{name}.json").write_bytes(content)
    systems = [str(folder / f"{name}.json") for name in contents if name != "gt"]
    report = folder / "out" / "report.json"
    report.unlink(missing_ok=True)
    files = ["--annotations", str(folder / "gt.json"), "--results", *systems]
    code = main([*files, "--output", str(folder / "out"), *options])
    out, err = capsys.readouterr()
    assert code in (0, 2)
    if code:
        lines = err.splitlines()
        assert not out and lines and all(line.startswith("ovis-jax analyze: ") for line in lines)
        assert not report.exists()
    else:
        assert not err and out == f"wrote {folder}/out/report.html\n"
    return code


def report_of(folder) -> dict:
    return json.loads((folder / "out" / "report.json").read_text())


def check_numbers(folder):
    values = report_of(folder)["results"]
    expected = evaluate(folder / "gt.json", folder / "results.json").values["AP"]
    found = values["average_precision"]["all"]["AP"]
    assert (-1 if found is None else found) == expected
    before = values["error_costs"]["before"]["AP"]
    assert (-1 if before is None else before) == pytest.approx(expected, abs=1e-12)


@pytest.fixture(autouse=True)
def without_waiting_for_the_disk(monkeypatch):
    monkeypatch.setattr(atomic.os, "fsync", lambda number: None)


def test_damaged_values(tmp_path, capsys):
    rng, codes = random.Random(3), {0: 0, 2: 0}
    scenes = [as_json(*random_scene(seed)) for seed in range(3)]
    scenes += [with_common_kinds(scene) for scene in scenes]
    options = ["--ignore-unknown-videos", "--ignore-unknown-categories", "--crowds-are-objects"]
    for number in range(150):
        files = damage(rng, scenes[number % len(scenes)])
        dumped = {name: json.dumps(content).encode() for name, content in files.items()}
        chosen = [option for option in options if rng.random() < 0.2]
        code = run(tmp_path, capsys, dumped, *chosen)
        codes[code] += 1
        if code == 0 and not chosen:
            check_numbers(tmp_path)
    assert min(codes.values()) > 5


def test_damaged_values_of_one_of_two_systems(tmp_path, capsys):
    rng, codes = random.Random(4), {0: 0, 2: 0}
    scenes = [as_json(*random_scene(seed)) for seed in range(2)]
    for number in range(30):
        whole = scenes[number % len(scenes)]
        files = damage(rng, {"results": whole["results"]}) | {"gt": whole["gt"]}
        dumped = {name: json.dumps(content).encode() for name, content in files.items()}
        first = {"first": json.dumps(whole["results"]).encode()}
        code = run(tmp_path, capsys, first | dumped, "--samples", "3")
        codes[code] += 1
        if code == 0:
            assert {"first", "results", "comparison"} <= set(report_of(tmp_path))
    assert min(codes.values()) > 0


def test_damaged_bytes(tmp_path, capsys):
    rng, codes = random.Random(5), {0: 0, 2: 0}
    values = with_common_kinds(as_json(*random_scene(0)))
    whole = {k: json.dumps(v).encode() for k, v in values.items()}
    for _ in range(60):
        name = rng.choice(["gt", "results"])
        content = bytearray(whole[name])
        place = rng.randrange(len(content))
        kind = rng.random()
        if kind < 0.3:
            del content[place:]
        elif kind < 0.5:
            del content[place : place + rng.randint(1, 30)]
        else:
            content[place] = rng.randrange(256)
        codes[run(tmp_path, capsys, whole | {name: bytes(content)})] += 1
    assert min(codes.values()) > 0


def test_nesting_beyond_all_reason(tmp_path, capsys):
    deep = b"[" * (100 * sys.getrecursionlimit())
    whole = {k: json.dumps(v).encode() for k, v in as_json(*random_scene(0)).items()}
    assert run(tmp_path, capsys, whole | {"results": deep}) == 2
    assert run(tmp_path, capsys, whole | {"gt": b'{"videos": ' + deep}) == 2


def test_other_containers(tmp_path, capsys):
    files = as_json(*random_scene(0))
    whole = {k: json.dumps(v).encode() for k, v in files.items()}
    codes = {
        run(tmp_path, capsys, whole | {name: content})
        for name, value in files.items()
        for content in containers(whole[name], value)
    }
    assert codes == {0, 2}


def test_categories_of_no_object(tmp_path, capsys):
    files = as_json(*random_scene(0))
    files["gt"]["categories"].append({"id": 99, "name": "unicorn"})
    files["results"].append(files["results"][0] | {"category_id": 99})
    assert run(tmp_path, capsys, {k: json.dumps(v).encode() for k, v in files.items()}) == 0
    check_numbers(tmp_path)


def test_files_that_hold_nothing(tmp_path, capsys):
    files = as_json(*random_scene(0))
    for part in ("videos", "categories", "annotations"):
        for results in (files["results"], []):
            changed = {"gt": files["gt"] | {part: []}, "results": results}
            if part == "videos":
                changed["gt"]["annotations"] = []
            contents = {k: json.dumps(v).encode() for k, v in changed.items()}
            known = part == "annotations" or (part == "videos" and not results)
            assert run(tmp_path, capsys, contents) == (0 if known else 2), (part, bool(results))
