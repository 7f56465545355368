import av
import numpy as np
import pytest

from ovis_jax.data.movie_files import read_movie, survey_movie
from ovis_jax.visualization.movie import write_timed_movie

SECONDS = [0.033] * 4 + [0.7] * 3 + [0.001]


def test_frames_are_shown_as_long_as_was_said(tmp_path):
    frames = [np.full((32, 48, 3), 20 * t, np.uint8) for t in range(len(SECONDS))]
    write_timed_movie(tmp_path / "a.mp4", zip(frames, SECONDS, strict=True))
    assert survey_movie(tmp_path / "a.mp4").seconds == pytest.approx(SECONDS, abs=1e-4)
    with av.open(str(tmp_path / "a.mp4")) as container:
        assert container.duration / av.time_base == pytest.approx(sum(SECONDS), abs=1e-3)
        stream = container.streams.video[0]
        assert stream.format.name == "yuv420p"
        assert float(stream.duration * stream.time_base) == pytest.approx(sum(SECONDS), abs=1e-3)


@pytest.mark.parametrize("size, want", [((33, 47), (32, 46)), ((1, 1), (2, 2)), ((1, 9), (2, 8))])
def test_odd_sizes_are_made_even(tmp_path, size, want):
    frames = [np.full((*size, 3), 30 * t + 40, np.uint8) for t in range(3)]
    write_timed_movie(tmp_path / "a.mp4", [(frame, 0.1) for frame in frames])
    got = list(read_movie(tmp_path / "a.mp4"))
    assert [image.shape[:2] for image in got] == [want] * 3
    for number, image in enumerate(got):
        assert abs(image.mean() - 30 * number - 40) < 6


def test_a_movie_that_fails_leaves_nothing(tmp_path):
    def frames():
        yield np.zeros((16, 16, 3), np.uint8), 0.1
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        write_timed_movie(tmp_path / "a.mp4", frames())
    assert not list(tmp_path.iterdir())
