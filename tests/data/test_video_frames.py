import pathlib
import threading
import types

import numpy as np
import pytest
from tiny_ovis import write_tiny_ovis

from ovis_jax.data.from_config import resizing
from ovis_jax.data.video_frames import VideoFrames
from ovis_jax.formats.errors import InputError


@pytest.fixture
def video():
    names = [f"clip1/{t:05d}.jpg" for t in range(20)]
    return types.SimpleNamespace(width=64, height=40, file_names=names)


def test_all_frames_come_in_order(tmp_path, video):
    data = write_tiny_ovis(tmp_path, frames=20)
    frames = VideoFrames(data.eval_images, video, resizing(data))
    assert (frames.geometry.width, frames.geometry.height) == (48, 30)
    got = list(VideoFrames(data.eval_images, video, resizing(data)))
    assert len(got) == len(frames) == 20
    for t, image in enumerate(got):
        assert image.shape == (32, 48, 3) and image.dtype == np.uint8
        np.testing.assert_array_equal(image, frames[t])


def test_leaving_early_ends_the_threads_that_decode_ahead(tmp_path, video):
    data = write_tiny_ovis(tmp_path, frames=20)
    before = set(threading.enumerate())
    frames = iter(VideoFrames(data.eval_images, video, resizing(data)))
    next(frames)
    ahead = set(threading.enumerate()) - before
    assert ahead
    frames.close()
    for thread in ahead:
        thread.join(timeout=10)
    assert not any(thread.is_alive() for thread in ahead)


def test_a_damaged_frame_is_an_input_error(tmp_path, video):
    data = write_tiny_ovis(tmp_path, frames=20)
    (pathlib.Path(data.eval_images) / video.file_names[7]).write_bytes(b"")
    frames = iter(VideoFrames(data.eval_images, video, resizing(data)))
    for _ in range(7):
        next(frames)
    with pytest.raises(InputError, match="00007.jpg"):
        next(frames)
