import json
import os

import pytest

from ovis_jax.formats.atomic import open_atomic, write_json, write_text


def test_the_file_has_the_text_and_nothing_else_is_left(tmp_path):
    write_text(tmp_path / "new" / "file.txt", "naïve")
    assert (tmp_path / "new" / "file.txt").read_text(encoding="utf-8") == "naïve"
    assert os.listdir(tmp_path / "new") == ["file.txt"]


def test_an_object_comes_back_from_json(tmp_path):
    write_json(tmp_path / "file.json", {"a": [1, None]})
    assert json.loads((tmp_path / "file.json").read_text()) == {"a": [1, None]}


def test_a_failure_leaves_the_old_file_and_no_partial_one(tmp_path, monkeypatch):
    path = tmp_path / "file.txt"
    write_text(path, "old")

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        write_text(path, "new")
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_numbers_that_json_does_not_know_are_refused(tmp_path, number):
    with pytest.raises(ValueError):
        write_json(tmp_path / "file.json", {"a": number})
    assert not os.listdir(tmp_path)


def test_a_file_written_piece_by_piece_appears_at_the_end_of_the_block(tmp_path):
    with open_atomic(tmp_path / "new" / "file.bin", "wb") as file:
        file.write(b"\x00")
        file.write(b"\xff")
        assert not (tmp_path / "new" / "file.bin").exists()
    assert (tmp_path / "new" / "file.bin").read_bytes() == b"\x00\xff"


def test_a_block_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(KeyError), open_atomic(tmp_path / "file.txt") as file:
        file.write("half")
        raise KeyError
    assert not os.listdir(tmp_path)
