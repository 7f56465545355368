"""Frames of video files become folders of images that predict_video names in the same way."""

import cv2
import numpy as np
import pytest
from tiny_movies import corner_frames, write_file

from ovis_jax.data.image_sources import open_images
from ovis_jax.data.movie_files import read_movie
from ovis_jax.tools.extract_frames import main


def extract(*arguments):
    return main([str(argument) for argument in arguments])


@pytest.fixture
def movie(tmp_path):
    write_file(tmp_path / "clip.mkv", corner_frames(7, 32, 48), "ffv1", "bgr0")
    return tmp_path / "clip.mkv"


def test_every_frame_is_written_under_the_name_that_results_have_for_it(movie, tmp_path):
    assert extract("--input", movie, "--output", tmp_path / "frames", "--suffix", ".png") == 0
    names = [f"clip/frame_{t:06d}.jpg" for t in range(7)]
    assert open_images(movie).file_names(7) == names
    for name, frame in zip(names, read_movie(movie), strict=True):
        written = cv2.imread(str(tmp_path / "frames" / name.replace(".jpg", ".png")))
        np.testing.assert_array_equal(written[..., ::-1], frame)
    assert len(list((tmp_path / "frames").rglob("*"))) == 8


def test_some_frames_keep_their_numbers(movie, tmp_path):
    options = ("--start", 2, "--stop", 6, "--every", 3, "--name", "end")
    assert extract("--input", movie, "--output", tmp_path / "frames", *options) == 0
    written = sorted(path.name for path in (tmp_path / "frames/end").iterdir())
    assert written == ["frame_000002.jpg", "frame_000005.jpg"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--start", 9], "clip.mkv: none of the frames"),
        (["--start", 5, "--stop", 5], "--stop: 5, expected more than --start, 5"),
        (["--name", "a/b"], "--name: 'a/b', expected the name of a folder"),
        (["--name", "there"], "frames/there: is there already"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(
    options, message, movie, tmp_path, capsys
):
    (tmp_path / "frames/there").mkdir(parents=True)
    assert extract("--input", movie, "--output", tmp_path / "frames", *options) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
    assert [path.name for path in (tmp_path / "frames").iterdir()] == ["there"]


def test_two_videos_of_one_name_and_files_that_are_missing_are_named(movie, tmp_path, capsys):
    assert extract("--input", movie, movie, "--output", tmp_path / "out") == 2
    assert extract("--input", tmp_path / "none.mp4", "--output", tmp_path / "out") == 2
    twice, missing = capsys.readouterr().err.splitlines()
    assert "two videos are named 'clip'" in twice and "none.mp4: no such file" in missing
