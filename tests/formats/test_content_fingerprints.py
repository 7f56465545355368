import json

import pytest

from ovis_jax.formats.content_fingerprints import (
    file_fingerprint,
    files_fingerprint,
    folder_fingerprint,
    frame_names,
)
from ovis_jax.formats.errors import InputError


def fill(folder, **files):
    for name, text in files.items():
        (folder / "sub").mkdir(parents=True, exist_ok=True)
        (folder / "sub" / name).write_text(text)
    return folder


def test_the_same_files_elsewhere_have_the_same_fingerprint(tmp_path):
    a, b = (fill(tmp_path / k, x="one", y="two") for k in "ab")
    names = ["sub/x", "sub/y"]
    assert folder_fingerprint(a) == folder_fingerprint(b)
    assert files_fingerprint(a, names) == files_fingerprint(b, names)
    assert file_fingerprint(a / "sub/x") == file_fingerprint(b / "sub/x")
    fill(b, y="TWO")
    assert folder_fingerprint(a) != folder_fingerprint(b)
    assert files_fingerprint(a, names) != files_fingerprint(b, names)
    assert files_fingerprint(a, names[:1]) == files_fingerprint(b, names[:1])
    fill(b, y="two", z="")
    assert folder_fingerprint(a) != folder_fingerprint(b)


def test_of_a_large_file_both_ends_count(tmp_path):
    for k, end in zip("ab", "xy", strict=True):
        fill(tmp_path / k, x="0" * (1 << 21) + end)
    assert folder_fingerprint(tmp_path / "a") != folder_fingerprint(tmp_path / "b")


def test_names_come_from_videos_or_images(tmp_path):
    path = tmp_path / "a.json"
    videos = [{"file_names": ["v/0", "v/1"]}, {"file_names": ["w/0"]}]
    path.write_text(json.dumps({"annotations": [{}, {}], "info": {}, "videos": videos}))
    assert frame_names(path) == ["v/0", "v/1", "w/0"]
    path.write_text(json.dumps({"videos": [{"file_names": ["v\\0"]}, {"file_names": None}]}))
    assert frame_names(path) == ["v/0"]
    path.write_text(json.dumps({"images": [{"file_name": "i"}, {"file_name": "j"}]}))
    assert frame_names(path) == ["i", "j"]
    path.write_text("{}")
    with pytest.raises(InputError, match="videos: expected a list"):
        frame_names(path)
