"""Tracking a video file or a folder of frames, with a toy system."""

import json
import subprocess
import sys

import cv2
import numpy as np
import pytest
from toy_system import ToySystem, toy_variables

from configs.parts.mask_track_rcnn import mask_track_rcnn_r50
from ovis_jax.formats.errors import InputError
from ovis_jax.tools.predict_video import category_names, open_images, predict_video
from ovis_jax.visualization.movie import read_movie, write_movie

FRAMES = [np.full((48, 80, 3), 20 * t + 60, np.uint8) for t in range(7)]


def predicted(source, output):
    """Records of a toy system; windows of 2 + 1 + 2 frames."""
    config = mask_track_rcnn_r50()
    config.data.image_scale = (40, 24)
    config.model.num_classes = 2
    config.capacity.tracks = 5
    system = ToySystem(window_before=2, window_after=2)
    variables = toy_variables(system)
    images = open_images(source)
    names = category_names(None, config)
    return predict_video(system, variables, config, images, names, output, 0.0)


def write_folder(folder):
    folder.mkdir()
    for number, frame in enumerate(FRAMES):
        cv2.imwrite(str(folder / f"{number:03}.png"), frame)


def test_a_folder_of_frames_becomes_results_and_an_overlay(tmp_path):
    write_folder(tmp_path / "frames")
    records = predicted(tmp_path / "frames", tmp_path / "made" / "here")
    files = sorted(path.name for path in (tmp_path / "made" / "here").iterdir())
    assert files == ["overlay.mp4", "overlay.png", "results.json"]
    assert json.loads((tmp_path / "made" / "here" / "results.json").read_text()) == records
    assert records and all(len(record["segmentations"]) == 7 for record in records)
    assert {record["category_id"] for record in records} <= {1, 2}
    assert len(list(read_movie(tmp_path / "made" / "here" / "overlay.mp4"))) == 7


def test_a_video_file_gives_as_many_frames_as_it_holds(tmp_path):
    write_movie(tmp_path / "clip.mp4", FRAMES, 5.0)
    images = open_images(tmp_path / "clip.mp4")
    assert (images.width, images.height, images.rate) == (80, 48, 5.0)
    records = predicted(tmp_path / "clip.mp4", tmp_path)
    assert records and all(len(record["segmentations"]) == 7 for record in records)


def test_input_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    write_folder(tmp_path / "cut")
    (tmp_path / "cut" / "000.png").write_bytes(b"\x89PNG")
    for name in ("missing.mp4", "empty", "text.mp4", "cut"):
        with pytest.raises(InputError, match=name):
            open_images(tmp_path / name)


def test_the_command_ends_with_one_line_and_exit_code_2(tmp_path):
    command = [
        sys.executable,
        "-m",
        "ovis_jax.tools.predict_video",
        "--config=configs/quickstart.py",
    ]
    command += [f"--checkpoint={tmp_path}", f"--input={tmp_path}/a.mp4", f"--output={tmp_path}/out"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and not (tmp_path / "out").exists()
    assert len(done.stderr.splitlines()) == 1 and "a.mp4: does not exist" in done.stderr
