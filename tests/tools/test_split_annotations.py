import json

import pytest
from data.rectangles import track, video, write

from ovis_jax.formats.annotations import load_annotations
from ovis_jax.tools.split_annotations import main

BOX = (0, 0, 4, 4)


@pytest.fixture
def source(tmp_path):
    """30 videos of Cats, six of which show a Dog as well."""
    annotations = [track(k, k, 2, [BOX]) for k in range(1, 31)]
    annotations += [track(100 + k, k, 4, [BOX]) for k in range(5, 11)]
    return write(tmp_path / "a.json", [video(k, 1) for k in range(1, 31)], annotations)


def ids(path):
    return {video.id for video in load_annotations(path).videos}


def test_the_parts_share_the_videos_and_the_balance_is_shown(source, tmp_path, capsys):
    output = tmp_path / "split"
    arguments = ["--annotations", str(source), "--output", str(output), "--share", "0.3"]
    assert main(arguments) == 0
    train, minival = ids(output / "train.json"), ids(output / "minival.json")
    assert len(minival) == 9 and train | minival == set(range(1, 31)) and not train & minival
    num_dogs = len(minival & set(range(5, 11)))
    assert num_dogs >= 3  # half of six, since there are fewer than twice four
    rows = {line[:12].strip(): line[12:].split() for line in capsys.readouterr().out.splitlines()}
    assert rows["Cat"] == ["21", "9", "21", "9", "30.0", "%"]
    assert rows["Dog"][:4] == [str(6 - num_dogs), str(num_dogs)] * 2
    assert rows["Boat"] == ["0", "0", "0", "0", "-"]
    assert rows["all videos"][:2] == ["21", "9"]
    before = (output / "minival.json").read_bytes()
    assert main(arguments) == 0 and (output / "minival.json").read_bytes() == before


def test_categories_with_too_few_videos_are_named(source, tmp_path, capsys):
    main(["--annotations", str(source), "--output", str(tmp_path / "b")])
    assert "Fewer than 8 videos" in capsys.readouterr().out
    main(["--annotations", str(source), "--output", str(tmp_path / "b"), "--min-videos", "3"])
    assert "Fewer" not in capsys.readouterr().out


def test_bad_input_is_one_line_and_exit_code_2(source, tmp_path, capsys):
    null = tmp_path / "null.json"
    null.write_text(json.dumps(json.loads(source.read_text()) | {"annotations": None}))
    for arguments, message in (
        (["--annotations", "none.json", "--output", str(tmp_path / "b")], "none.json: No such"),
        (["--annotations", str(null), "--output", str(tmp_path / "b")], "needs ground truth"),
        (["--annotations", str(source), "--output", str(source)], "expected a folder"),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert message in error and len(error.splitlines()) == 1
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("bad", [["--share", "1"], ["--share", "0"], ["--min-videos", "-1"]])
def test_options_out_of_range_exit_with_2(source, tmp_path, bad):
    with pytest.raises(SystemExit) as stopped:
        main(["--annotations", str(source), "--output", str(tmp_path / "b"), *bad])
    assert stopped.value.code == 2
