import numpy as np
import pytest
from tiny_movies import corner_frames, set_matrix, write_audio, write_file

from ovis_jax.data.movie_files import read_movie, shown_seconds, survey_movie
from ovis_jax.formats.errors import InputError

MATRICES = {  # of a header: what it does to a stored frame
    "90": ((0, 1, -1, 0), lambda image: np.rot90(image, -1)),
    "180": ((-1, 0, 0, -1), lambda image: np.rot90(image, 2)),
    "270": ((0, -1, 1, 0), np.rot90),
    "left and right": ((-1, 0, 0, 1), np.fliplr),
    "top and bottom": ((1, 0, 0, -1), np.flipud),
    "transposed": ((0, 1, 1, 0), lambda image: image.swapaxes(0, 1)),
    "90 and mirrored": ((0, -1, -1, 0), lambda image: np.rot90(image, 2).swapaxes(0, 1)),
}


@pytest.mark.parametrize("suffix", ["mp4", "mov"])
@pytest.mark.parametrize("kind", MATRICES)
def test_frames_are_turned_as_the_header_says(tmp_path, kind, suffix):
    matrix, turned = MATRICES[kind]
    path = tmp_path / f"a.{suffix}"
    write_file(path, corner_frames())
    stored = list(read_movie(path))
    set_matrix(path, *matrix)
    shown = list(read_movie(path))
    assert len(shown) == len(stored) == 4
    for image, want in zip(shown, map(turned, stored), strict=True):
        np.testing.assert_array_equal(image, want)
    facts = survey_movie(path)
    assert (facts.height, facts.width) == shown[0].shape[:2]


def test_the_tag_of_old_files_turns_clockwise(tmp_path):
    write_file(tmp_path / "plain.mkv", corner_frames())
    write_file(tmp_path / "tagged.mkv", corner_frames(), tags={"rotate": "90"})
    for shown, stored in zip(*(read_movie(tmp_path / f"{name}.mkv")
                               for name in ("tagged", "plain")), strict=True):  # fmt: skip
        np.testing.assert_array_equal(shown, np.rot90(stored, -1))


def test_a_turn_by_half_a_right_angle_is_refused(tmp_path):
    write_file(tmp_path / "a.mp4", corner_frames())
    set_matrix(tmp_path / "a.mp4", 0.7, 0.7, -0.7, 0.7)
    with pytest.raises(InputError, match="a.mp4: turned in its header by another angle"):
        survey_movie(tmp_path / "a.mp4")
    write_file(tmp_path / "b.mkv", corner_frames(), tags={"rotate": "45"})
    with pytest.raises(InputError, match="b.mkv: tag rotate: .*45"):
        survey_movie(tmp_path / "b.mkv")


def test_irregular_times_are_those_of_the_file(tmp_path):
    times = [0, 33, 66, 766, 1466, 1500]
    for name, codec in (("a.webm", "libvpx"), ("a.mp4", "libx264")):
        write_file(tmp_path / name, corner_frames(6), codec, times=times)
        seconds = survey_movie(tmp_path / name).seconds
        assert seconds[:-1] == pytest.approx([0.033, 0.033, 0.7, 0.7, 0.034], abs=1e-3)
        assert 0 < seconds[-1] <= 0.7 + 1e-3


@pytest.mark.parametrize("name", ["a.avi", "a.h264", "a.ts", "a.mkv"])
def test_containers_without_times_of_their_own_keep_their_rate(tmp_path, name):
    write_file(tmp_path / name, corner_frames(12), rate=10)
    seconds = survey_movie(tmp_path / name).seconds
    assert seconds[:-1] == pytest.approx([0.1] * 11, abs=2e-3)


@pytest.mark.parametrize(
    "times, left, want",
    [
        ([0, 1, 3], 0.5, [1, 2, 0.5]),
        ([0, 1, 3], 60, [1, 2, 2]),  # music that goes on
        ([0, 1, 3], None, [1, 2, 1]),
        ([5, 6, 0, 1], 1, [1, 1, 1, 1]),  # put together
        ([0, None, None], None, [0.04, 0.04, 0.04]),
        ([0, 0, 0, 2], None, [2, 2, 2, 2]),
        ([0], 0.5, [0.5]),
        ([None], None, [0.04]),
    ],
)
def test_every_frame_is_shown_for_some_time(times, left, want):
    assert shown_seconds(times, left) == pytest.approx(want)


def test_a_size_that_changes_is_said_with_frame_and_both_sizes(tmp_path):
    write_file(tmp_path / "one.ts", corner_frames(4))
    write_file(tmp_path / "other.ts", corner_frames(3, 32, 32))
    both = b"".join((tmp_path / name).read_bytes() for name in ("one.ts", "other.ts"))
    (tmp_path / "both.ts").write_bytes(both)
    for use in (survey_movie, lambda path: list(read_movie(path))):
        with pytest.raises(InputError, match="both.ts: frame 4 has 32x32 .* 64x48") as raised:
            use(tmp_path / "both.ts")
        assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    "name, codec, pixels",
    [("a.mkv", "ffv1", "gray"), ("a.mkv", "ffv1", "gray16le"), ("a.mkv", "ffv1", "yuv420p10le"),
     ("a.mkv", "ffv1", "bgra"), ("a.webm", "libvpx-vp9", "yuva420p"), ("a.gif", "gif", "rgb8"),
     ("a.mp4", "libx264", "yuv420p10le"), ("a.avi", "mjpeg", "yuvj420p")],
)  # fmt: skip
def test_all_kinds_of_pixels_become_three_bytes(tmp_path, name, codec, pixels):
    write_file(tmp_path / name, corner_frames(3), codec, pixels)
    images = list(read_movie(tmp_path / name))
    assert len(images) == len(survey_movie(tmp_path / name).seconds) == 3
    for image, frame in zip(images, corner_frames(3), strict=True):
        assert image.shape == (48, 64, 3) and image.dtype == np.uint8
        assert abs(image[2:20, 20:62].mean() - frame[2:20, 20:62].mean()) < 8


def test_what_cannot_be_watched_is_one_line(tmp_path):
    write_audio(tmp_path / "music.m4a")
    write_file(tmp_path / "whole.mp4", corner_frames())
    content = (tmp_path / "whole.mp4").read_bytes()
    (tmp_path / "cut.mp4").write_bytes(content[: len(content) // 4])
    (tmp_path / "empty.mp4").write_bytes(b"")
    for name, message in (("music.m4a", "no video stream"), ("cut.mp4", "not readable"),
                          ("empty.mp4", "not readable")):  # fmt: skip
        with pytest.raises(InputError, match=f"{name}.*{message}") as raised:
            survey_movie(tmp_path / name)
        assert "\n" not in str(raised.value) and "Errno" not in str(raised.value)


def test_a_colon_in_a_name_is_no_protocol(tmp_path, monkeypatch):
    write_file(tmp_path / "whole.mp4", corner_frames())
    (tmp_path / "whole.mp4").rename(tmp_path / "10:30.mp4")
    monkeypatch.chdir(tmp_path)
    assert len(list(read_movie("10:30.mp4"))) == 4
