import gzip
import json
import pathlib
import zipfile

import pytest

from ovis_jax.tools.evaluate_results import main

SMALL = pathlib.Path(__file__).parents[1] / "recorded" / "golden" / "evaluation" / "small"
ANNOTATIONS = json.loads((SMALL / "gt.json").read_text())
RESULTS = json.loads((SMALL / "results.json").read_text())
EXPECTED = json.loads((SMALL / "expected.json").read_text())["metrics"]


def run(folder: pathlib.Path, annotations, results, *options: str) -> int:
    """The exit code for files with these contents."""
    (folder / "gt.json").write_text(json.dumps(annotations))
    (folder / "results.json").write_text(json.dumps(results))
    files = ["--annotations", folder / "gt.json", "--results", folder / "results.json"]
    return main([*map(str, files), *options])


def without_occlusion(annotations: dict) -> dict:
    objects = [{k: v for k, v in a.items() if k != "occlusion"} for a in annotations["annotations"]]
    return annotations | {"annotations": objects}


def test_the_official_numbers_are_shown_and_written(tmp_path, capsys):
    output = tmp_path / "new" / "metrics.json"
    assert run(tmp_path, ANNOTATIONS, RESULTS, "--output", str(output), "--per-category") == 0
    names, numbers, *_ = capsys.readouterr().out.splitlines()
    assert names.split()[0] == "AP" and numbers.split()[1] == f"{100 * EXPECTED['AP']:.1f}"
    written = json.loads(output.read_text())
    assert list(written) == [*EXPECTED, "per_category"]
    assert {k: written[k] for k in EXPECTED} == pytest.approx(EXPECTED, abs=1e-9)
    assert list(written["per_category"]) == [c["name"] for c in ANNOTATIONS["categories"]]


def test_categories_are_shown_when_asked_for(tmp_path, capsys):
    run(tmp_path, ANNOTATIONS, RESULTS)
    assert "Person" not in capsys.readouterr().out
    run(tmp_path, ANNOTATIONS, RESULTS, "--per-category")
    assert "Person" in capsys.readouterr().out


def test_ytvis_has_no_groups_by_occlusion(tmp_path, capsys):
    assert run(tmp_path, ANNOTATIONS, RESULTS, "--dataset", "ytvis") == 0
    shown = capsys.readouterr().out
    assert "large" in shown and "HO" not in shown


def test_annotations_without_occlusion_are_a_note_or_an_error(tmp_path, capsys):
    assert run(tmp_path, without_occlusion(ANNOTATIONS), RESULTS) == 0
    assert "31 of 31 objects" in capsys.readouterr().out
    assert run(tmp_path, without_occlusion(ANNOTATIONS), RESULTS, "--require-occlusion") == 2
    assert "annotations[0]" in capsys.readouterr().err
    assert run(tmp_path, ANNOTATIONS, RESULTS, "--require-occlusion") == 0


def test_unknown_categories_are_an_error_or_dropped_and_counted(tmp_path, capsys):
    more = [*RESULTS, RESULTS[0] | {"category_id": 99}]
    assert run(tmp_path, ANNOTATIONS, more) == 2
    assert "99" in capsys.readouterr().err
    run(tmp_path, ANNOTATIONS, RESULTS, "--ignore-unknown-categories")
    want = capsys.readouterr().out
    assert run(tmp_path, ANNOTATIONS, more, "--ignore-unknown-categories") == 0
    first, *rest = capsys.readouterr().out.splitlines()
    assert "dropped 1 " in first and "99" in first and rest == want.splitlines()


@pytest.mark.parametrize(
    ("annotations", "results", "named"),
    [
        (ANNOTATIONS | {"annotations": None}, RESULTS, ["gt.json", "annotations", "null"]),
        (ANNOTATIONS, [RESULTS[0], RESULTS[1] | {"score": None}], ["results[1]", "score"]),
        (ANNOTATIONS, [RESULTS[0] | {"video_id": 12345}], ["results[0]", "video_id", "12345"]),
        (ANNOTATIONS, {}, ["results.json", "list"]),
        ([], RESULTS, ["gt.json", "are these results?"]),
        (
            {k: v for k, v in ANNOTATIONS.items() if k != "annotations"},
            RESULTS,
            ["gt.json", "annotations", "missing"],
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path, capsys, annotations, results, named):
    assert run(tmp_path, annotations, results, "--output", str(tmp_path / "metrics.json")) == 2
    message = capsys.readouterr().err
    assert len(message.strip().splitlines()) == 1
    assert all(word in message for word in named)
    assert not (tmp_path / "metrics.json").exists()


def test_missing_files_and_unknown_options_exit_with_2(tmp_path, capsys):
    files = ["--annotations", str(tmp_path / "none.json"), "--results", str(tmp_path / "no.json")]
    assert main(files) == 2
    assert "none.json" in capsys.readouterr().err
    with pytest.raises(SystemExit) as stopped:
        main([*files, "--dataset", "coco"])
    assert stopped.value.code == 2


def test_all_problems_are_listed_up_to_a_limit(tmp_path, capsys):
    bad = [record | {"score": "x"} for record in RESULTS[:3]]
    bad[1] = RESULTS[1] | {"segmentations": []}
    mask = {"size": [1, 1], "counts": "1"}
    bad.append(RESULTS[3] | {"segmentations": [mask] + RESULTS[3]["segmentations"][1:]})
    assert run(tmp_path, ANNOTATIONS, [*bad, *RESULTS[4:]]) == 2
    lines = capsys.readouterr().err.splitlines()
    for number, field in enumerate(("score", "segmentations", "score", "segmentations, frame 0")):
        assert f"results[{number}]" in lines[number] and field in lines[number]
    assert len(lines) == 4
    assert run(tmp_path, ANNOTATIONS, [record | {"score": "x"} for record in RESULTS]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 21 and "stopped after 20" in lines[-1]


def test_videos_counted_from_zero_are_named(tmp_path, capsys):
    from_zero = [record | {"video_id": record["video_id"] - 1} for record in RESULTS]
    assert run(tmp_path, ANNOTATIONS, from_zero) == 2
    assert "are videos counted from 0 here?" in capsys.readouterr().err


def test_the_same_track_twice_is_scored_and_counted(tmp_path, capsys):
    first = next(i for i, record in enumerate(RESULTS) if any(record["segmentations"]))
    assert run(tmp_path, ANNOTATIONS, [*RESULTS, RESULTS[first], RESULTS[first]]) == 0
    shown = capsys.readouterr().out
    assert f"2 of {len(RESULTS) + 2} tracks are the same as an earlier one" in shown


def test_tracks_of_unknown_videos_are_dropped_and_counted(tmp_path, capsys):
    kept = {video["id"] for video in ANNOTATIONS["videos"][:2]}
    part = dict(ANNOTATIONS)
    part["videos"] = [v for v in part["videos"] if v["id"] in kept]
    part["annotations"] = [a for a in part["annotations"] if a["video_id"] in kept]
    shared = [record for record in RESULTS if record["video_id"] in kept]
    assert run(tmp_path, part, RESULTS) == 2
    assert run(tmp_path, part, shared) == 0
    want = capsys.readouterr().out.splitlines()
    for workers in ("1", "2"):
        options = ["--ignore-unknown-videos", "--workers", workers]
        assert run(tmp_path, part, RESULTS, *options) == 0
        first, *rest = capsys.readouterr().out.splitlines()
        assert f"dropped {len(RESULTS) - len(shared)} tracks" in first and rest == want
        assert f"{len(shared)} tracks are scored" in first
    others = [record for record in RESULTS if record["video_id"] not in kept]
    assert run(tmp_path, part, others, "--ignore-unknown-videos") == 2
    assert "none of the" in capsys.readouterr().err


def test_class_agnostic_results_need_no_category(tmp_path, capsys):
    details = tmp_path / "details.json"
    options = ["--class-agnostic", "--per-category", "--details", str(details)]
    assert run(tmp_path, ANNOTATIONS, RESULTS, *options) == 0
    want = capsys.readouterr().out
    assert "Categories are not looked at" in want and "Person" not in want
    assert want.splitlines()[-1].startswith("all categories")
    categories = {a["id"]: a["category_id"] for a in ANNOTATIONS["annotations"]}
    written = json.loads(details.read_text())
    assert {o["id"]: o["category_id"] for o in written["objects"]} == categories
    assert all(t["category_id"] == RESULTS[t["track"]]["category_id"] for t in written["tracks"])
    scores = [record["score"] for record in RESULTS]
    bare = [{k: v for k, v in record.items() if k != "category_id"} for record in RESULTS]
    for number, record in enumerate(bare):  # where no scores are equal categories decide nothing
        record["score"] = sorted(range(len(scores)), key=scores.__getitem__).index(number)
    shown = []
    for records in (bare, [b | {"category_id": 1000} for b in bare]):
        assert run(tmp_path, ANNOTATIONS, records, "--class-agnostic") == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]


def test_packed_files_give_the_same_table(tmp_path, capsys):
    assert run(tmp_path, ANNOTATIONS, RESULTS) == 0
    want = capsys.readouterr().out
    gz, packed = tmp_path / "gt.json.gz", tmp_path / "submission.zip"
    gz.write_bytes(gzip.compress((tmp_path / "gt.json").read_bytes()))
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.write(tmp_path / "results.json", "results.json")
    for workers in ("1", "2"):
        files = ["--annotations", str(gz), "--results", str(packed), "--workers", workers]
        assert main(files) == 0
        assert capsys.readouterr().out == want


@pytest.mark.parametrize("kind", ["truncated gz", "truncated zip", "two files", "no file"])
def test_damaged_archives_are_bad_input(tmp_path, capsys, kind):
    run(tmp_path, ANNOTATIONS, RESULTS)
    capsys.readouterr()
    packed = tmp_path / "packed"
    if kind == "truncated gz":
        packed.write_bytes(gzip.compress((tmp_path / "results.json").read_bytes())[:-20])
    else:
        with zipfile.ZipFile(packed, "w") as archive:
            for name in {"two files": ["a.json", "b.json"], "no file": ["a.txt"]}.get(
                kind, ["a.json"]
            ):
                archive.write(tmp_path / "results.json", name)
    if kind == "truncated zip":
        packed.write_bytes(packed.read_bytes()[:-40])
    assert main(["--annotations", str(tmp_path / "gt.json"), "--results", str(packed)]) == 2
    message = capsys.readouterr().err
    assert str(packed) in message and len(message.splitlines()) == 1


def test_details_are_written(tmp_path, capsys):
    path = tmp_path / "details.json"
    assert run(tmp_path, ANNOTATIONS, RESULTS, "--details", str(path)) == 0
    details = json.loads(path.read_text())
    assert len(details["objects"]) == len(ANNOTATIONS["annotations"])
    assert {t["track"] for t in details["tracks"]} <= set(range(len(RESULTS)))


def test_several_files_are_compared_with_the_first(tmp_path, capsys):
    for name, records in (("one", RESULTS), ("half", RESULTS[::2])):
        (tmp_path / name).mkdir()
        assert run(tmp_path / name, ANNOTATIONS, records) == 0
    capsys.readouterr()
    files = [str(tmp_path / name / "results.json") for name in ("one", "half")]
    truth = ["--annotations", str(tmp_path / "one" / "gt.json")]
    assert main([*truth, "--results", *files, "--samples", "20"]) == 0
    shown = capsys.readouterr().out
    assert "Difference to one" in shown and shown.splitlines()[-1].startswith("half ")
    assert shown.count("slightly occluded") == 2
    assert main([*truth, "--results", *files, "--output", str(tmp_path / "m.json")]) == 2
    assert "--output" in capsys.readouterr().err


def test_workers_change_nothing(tmp_path, capsys):
    shown = []
    for workers in ("1", "2"):
        assert run(tmp_path, ANNOTATIONS, RESULTS, "--workers", workers, "--per-category") == 0
        shown.append(capsys.readouterr().out)
    assert shown[0] == shown[1]
