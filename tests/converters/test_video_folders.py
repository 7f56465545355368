import pytest

from ovis_jax.converters.video_folders import subfolders
from ovis_jax.formats.errors import InputError


def test_a_folder_is_a_video_or_holds_one_in_each_folder(tmp_path):
    for name in ("take 10/1.png", "take 9/10.PNG", "take 9/9.png", ".hidden/1.png", "a/1.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = [(name, [file.name for file in files]) for name, files in subfolders(tmp_path, ".png")]
    assert found == [("take 9", ["9.png", "10.PNG"]), ("take 10", ["1.png"])]
    assert [name for name, _ in subfolders(tmp_path / "take 9", ".png")] == ["take 9"]


def test_what_is_no_folder_of_videos_is_said(tmp_path):
    (tmp_path / "file").touch()
    for name, message in (("file", "is a file"), ("none", "no such folder"), ("", "no .png file")):
        with pytest.raises(InputError, match=message):
            subfolders(tmp_path / name, ".png")
