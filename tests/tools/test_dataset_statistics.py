import json
import subprocess
import sys

import pytest
from data.rectangles import track, video, write

from ovis_jax.tools.dataset_statistics import main

BOX = (0, 0, 4, 4)
PLOTS = {"png": b"\x89PNG", "svg": b"<?xml"}


@pytest.fixture
def files(tmp_path):
    """A labelled set, one without labels and one without ground truth."""
    labelled = [track(1, 7, 2, [BOX, BOX], "nv"), track(2, 7, 4, [(2, 0, 4, 4), None], "s-")]
    for name, annotations in (("ovis", labelled), ("ytvis", [track(1, 7, 2, [BOX] * 2)])):
        (tmp_path / name).mkdir()
        write(tmp_path / name / "train.json", [video(7, 2)], annotations)
    (tmp_path / "valid").mkdir()
    write(tmp_path / "valid" / "train.json", [video(7, 2)], None)
    return [str(tmp_path / name / "train.json") for name in ("ovis", "ytvis", "valid")]


def test_sets_stand_side_by_side_under_the_names_of_their_folders(files, capsys):
    assert main(["--annotations", *files, "--frame-rate", "6", "2", "1"]) == 0
    shown = capsys.readouterr().out.splitlines()
    assert shown[0].split() == ["ovis", "ytvis", "valid"]
    rows = {line[:40].strip(): line[40:].split() for line in shown[1:] if line[:40].strip()}
    assert rows["masks"] == ["3", "2", "-"]
    assert rows["video duration, s"] == ["0.33", "1.00", "2.00"]
    assert any("valid: its annotations are null" in line for line in shown)


def test_without_matplotlib_the_numbers_are_kept_and_a_line_says_what_is_missing(files, tmp_path):
    program = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from ovis_jax.tools.dataset_statistics import main\n"
        "sys.exit(main(sys.argv[1:]))"
    )
    options = ["--annotations", *files, "--output", str(tmp_path / "out")]
    done = subprocess.run([sys.executable, "-c", program, *options], capture_output=True, text=True)
    assert done.returncode == 2
    assert "matplotlib is not installed" in done.stderr and "Traceback" not in done.stderr
    assert "masks" in done.stdout and (tmp_path / "out" / "statistics.json").exists()


def test_the_folder_gets_numbers_and_plots(files, tmp_path, capsys):
    output = tmp_path / "new" / "out"
    assert main(["--annotations", *files, "--output", str(output)]) == 0
    shown = capsys.readouterr().out
    sets = json.loads((output / "statistics.json").read_text())
    assert [(s["name"], s["masks"]) for s in sets] == [("ovis", 3), ("ytvis", 2), ("valid", None)]
    figures = {f"{n}.{k}" for n in ("distributions", "categories", "occlusion") for k in PLOTS}
    assert {path.name for path in output.iterdir()} == {"statistics.json", *figures}
    for name in figures:
        assert str(output / name) in shown
        assert (output / name).read_bytes().startswith(PLOTS[name.rsplit(".")[-1]])
    svg = (output / "distributions.svg").read_text()
    assert "Instances per video" in svg and "ytvis" in svg and "valid" not in svg
    assert "ytvis" not in (output / "occlusion.svg").read_text()


def test_figures_without_numbers_are_not_drawn(files, tmp_path):
    assert main(["--annotations", files[1], "--output", str(tmp_path / "b")]) == 0
    assert not list((tmp_path / "b").glob("occlusion.*"))
    assert main(["--annotations", files[2], "--output", str(tmp_path / "c")]) == 0
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["statistics.json"]


def test_the_same_statistics_are_the_same_files(files, tmp_path):
    for name in ("b", "c"):
        main(["--annotations", files[0], "--output", str(tmp_path / name)])
    for path in (tmp_path / "b").iterdir():
        assert path.read_bytes() == (tmp_path / "c" / path.name).read_bytes(), path.name


def test_counts_of_categories_are_shown_when_asked_for(files, capsys):
    main(["--annotations", files[0]])
    shown = capsys.readouterr().out
    assert "Cat" not in shown and shown.splitlines()[0].strip() == "train.json"
    main(["--annotations", files[0], "--per-category"])
    shown = capsys.readouterr().out.splitlines()
    assert ["Cat", "1", "2", "1"] in [line.split() for line in shown]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--annotations", "missing.json"], "missing.json: no such file"),
        (["--names", "a", "b"], "--names: 2, expected 1"),
        (["--frame-rate", "1", "2"], "--frame-rate: 2, expected 1"),
    ],
)
def test_bad_input_is_one_line_and_exit_code_2(files, capsys, options, message):
    assert main(["--annotations", files[0], *options]) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1


def test_an_output_that_is_a_file_and_equal_names_are_refused(files, tmp_path, capsys):
    assert main(["--annotations", files[0], "--output", files[1]]) == 2
    assert "expected a folder" in capsys.readouterr().err
    assert main(["--annotations", *files[:2], "--names", "a", "a"]) == 2
    assert "same name" in capsys.readouterr().err
    assert main(["--annotations", files[0], files[0]]) == 2


def test_rates_must_be_positive(files):
    with pytest.raises(SystemExit) as stopped:
        main(["--annotations", files[0], "--frame-rate", "0"])
    assert stopped.value.code == 2


def test_the_numbers_need_neither_models_nor_plots():
    code = "import sys, ovis_jax.tools.dataset_statistics; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert "numpy" in loaded.split()
    assert not {"jax", "tensorflow", "matplotlib", "cv2"} & set(loaded.split())
