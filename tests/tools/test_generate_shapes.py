import json

import pytest

from ovis_jax.tools.generate_shapes import main

SMALL = "--train_videos 1 --valid_videos 1 --frames 3 --width 64 --height 64 --sizes 16 30".split()


def test_the_tool_makes_the_set_and_prints_its_difficulty_also_the_second_time(tmp_path, capsys):
    arguments = ["--output", str(tmp_path / "set"), "--workers", "1", *SMALL]
    assert main(arguments) == 0
    first = capsys.readouterr().out.splitlines()
    assert first[0].endswith("generated")
    for split, line in zip(("train", "valid"), first[1:], strict=True):
        assert line.startswith(f"{split}: 1 videos") and "mBOR 0." in line
        assert "crossing rate" in line and "no/slight/severe" in line
    assert main(arguments) == 0
    again = capsys.readouterr().out.splitlines()
    assert "already there" in again[0] and again[1:] == first[1:]


def test_stills_alone_are_counted(tmp_path, capsys):
    arguments = ["--output", str(tmp_path / "set"), "--workers", "1", *SMALL, "--stills", "2"]
    assert main([*arguments, "--train-videos", "0", "--valid-videos", "0"]) == 0
    generated, counted = capsys.readouterr().out.splitlines()
    assert generated.endswith("generated") and counted.startswith("stills: 2 images, ")


@pytest.mark.parametrize(
    "bad", [["--crossing", "2"], ["--workers", "0"], ["--sizes", "30", "16"], ["--width", "1"]]
)
def test_bad_values_are_one_line_and_exit_code_2(tmp_path, capsys, bad):
    assert main(["--output", str(tmp_path / "set"), *SMALL, *bad]) == 2
    assert len(capsys.readouterr().err.strip().splitlines()) == 1
    assert not (tmp_path / "set").exists()


def test_a_folder_that_holds_something_else_is_kept(tmp_path, capsys):
    (tmp_path / "mine").write_text("1")
    assert main(["--output", str(tmp_path), *SMALL]) == 2
    assert str(tmp_path) in capsys.readouterr().err
    assert main(["--output", str(tmp_path / "mine"), *SMALL]) == 2
    assert main(["--output", str(tmp_path / "mine" / "below"), *SMALL]) == 2
    assert (tmp_path / "mine").read_text() == "1"


def test_evidence_degradations_and_whole_objects_are_options(tmp_path):
    options = "--evidence mixed --pairs 2 --degraded 0.5 --degradations noise defocus --amodal"
    arguments = ["--output", str(tmp_path / "set"), "--workers", "1", *SMALL, *options.split()]
    assert main(arguments) == 0
    made = json.loads((tmp_path / "set" / "parameters.json").read_text())
    assert made["evidence"] == "mixed" and made["degradations"] == ["noise", "defocus"]
    names = [own["name"] for own in load_categories(tmp_path / "set" / "amodal_valid.json")]
    assert names == ["disc", "notched disc", "square", "notched square"]


def load_categories(path):
    return json.loads(path.read_text())["categories"]


def test_unknown_options_exit_with_2(tmp_path):
    with pytest.raises(SystemExit) as stopped:
        main(["--output", str(tmp_path), "--colour", "red"])
    assert stopped.value.code == 2
