"""What counts as done, and which folder an input is written to."""

import argparse
import pathlib

import pytest
from toy_model import toy_model

from ovis_jax.predict.done_videos import DoneVideos, output_folders


@pytest.fixture
def clip(tmp_path):
    """A folder with a frame, and weights beside it."""
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip/0.png").write_text("a frame")
    (tmp_path / "model.npz").write_text("weights")
    return tmp_path / "clip"


def videos(clip, **changes):
    options = dict(causal=False, devices=1, annotations=None, min_score=0.3, write=["results"])
    options |= dict(checkpoint=str(clip.parent / "model.npz")) | changes
    return DoneVideos(argparse.Namespace(**options), toy_model().config)


def finished(clip, output, **changes):
    """As after a whole call."""
    done = videos(clip, **changes)
    output.mkdir()
    done.begin(clip, output)
    for name in ("results.json", "annotations.json"):
        (output / name).write_text("[]")
    done.end(clip, output)


def test_a_video_whose_outputs_were_removed_is_not_done(clip, tmp_path):
    output = tmp_path / "out"
    finished(clip, output)
    assert videos(clip).holds(clip, output)
    (output / "results.json").unlink()
    assert not videos(clip).holds(clip, output)


def test_outputs_inside_the_folder_of_the_frames_are_no_frames(clip):
    output = clip / "tracked"
    finished(clip, output)
    assert videos(clip).holds(clip, output)
    (clip / "1.png").write_text("one more")
    assert not videos(clip).holds(clip, output)


def test_another_content_of_the_annotation_file_is_another_call(clip, tmp_path):
    names = tmp_path / "names.json"
    names.write_text("{}")
    finished(clip, tmp_path / "out", annotations=str(names))
    assert videos(clip, annotations=str(names)).holds(clip, tmp_path / "out")
    names.write_text('{"categories": []}')
    assert not videos(clip, annotations=str(names)).holds(clip, tmp_path / "out")


def test_every_input_has_a_folder_of_its_own():
    inputs = ["a/clip.mp4", "b/clip.mp4", "clip_2.mp4", "other.mp4"]
    names = [path.name for path in output_folders(inputs, pathlib.Path("out"))]
    assert names == ["clip", "clip_2", "clip_2_2", "other"]
    assert output_folders(["a/clip.mp4"], pathlib.Path("out")) == [pathlib.Path("out")]
