import json
import pathlib

import pytest

from ovis_jax.tools.evaluate_results import main

SMALL = pathlib.Path(__file__).parents[1] / "data" / "golden" / "evaluation" / "small"
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
        ([], RESULTS, ["gt.json"]),
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
