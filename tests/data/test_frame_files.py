import cv2
import numpy as np
import pytest

from ovis_jax.data.frame_files import is_truncated_jpeg, read_frame
from ovis_jax.formats.errors import InputError


@pytest.fixture
def jpeg(tmp_path):
    path = tmp_path / "frame.jpg"
    cv2.imwrite(str(path), np.random.default_rng(0).integers(0, 256, (30, 50, 3), np.uint8))
    return path


def test_frames_are_rgb_as_opencv_decodes_them(jpeg):
    np.testing.assert_array_equal(read_frame(jpeg, 50, 30), cv2.imread(str(jpeg))[..., ::-1])


def test_half_the_size_shows_the_same_frame(tmp_path):
    y, x = np.mgrid[:31, :51]
    smooth = np.stack([4 * x, 6 * y, 2 * (x + y)], axis=-1).astype(np.uint8)
    path = tmp_path / "frame.jpg"
    cv2.imwrite(str(path), smooth, [cv2.IMWRITE_JPEG_QUALITY, 98])
    half, whole = read_frame(path, 51, 31, halved=True), read_frame(path, 51, 31)
    assert half.shape == (16, 26, 3)
    shrunk = cv2.resize(whole[:30, :50], (25, 15), interpolation=cv2.INTER_AREA)
    assert np.abs(half[:15, :25].astype(int) - shrunk).max() <= 4
    with pytest.raises(InputError, match="26x16 pixels at half its size, annotations say 60x31"):
        read_frame(path, 60, 31, halved=True)


def test_only_jpeg_files_are_decoded_at_half_the_size(tmp_path):
    path = tmp_path / "frame.png"
    image = np.random.default_rng(0).integers(0, 256, (31, 51, 3), np.uint8)
    cv2.imwrite(str(path), image[..., ::-1])
    np.testing.assert_array_equal(read_frame(path, 51, 31, halved=True), image)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_a_truncated_file_is_an_error_that_names_it(jpeg, share):
    content = jpeg.read_bytes()
    jpeg.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(InputError, match="frame.jpg") as caught:
        read_frame(jpeg, 50, 30)
    assert "\n" not in str(caught.value)


def test_a_preview_inside_a_truncated_file_does_not_count_as_its_end(jpeg):
    content = jpeg.read_bytes()
    preview = b"\xff\xd8\xff\xe1\x10\x00Exif" + content
    assert is_truncated_jpeg(preview + content[2:-200])
    assert not is_truncated_jpeg(preview + content[2:] + b"trailing bytes")


def test_text_a_missing_file_and_another_size_are_errors_that_name_the_file(jpeg, tmp_path):
    with pytest.raises(InputError, match="frame.jpg: frame of 50x30 pixels.*say 30x50"):
        read_frame(jpeg, 30, 50)
    with pytest.raises(InputError, match="nowhere.jpg: cannot be read"):
        read_frame(tmp_path / "nowhere.jpg", 50, 30)
    jpeg.write_text("no image")
    with pytest.raises(InputError, match="frame.jpg: not an image"):
        read_frame(jpeg, 50, 30)
