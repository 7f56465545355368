"""What can be tracked: video files, folders of frames, images."""

import cv2
import numpy as np
import pytest

from ovis_jax.data.image_sources import open_images
from ovis_jax.formats.errors import InputError

FRAMES = [np.full((48, 80, 3), 20 * t + 60, np.uint8) for t in range(7)]


def write_folder(folder):
    folder.mkdir()
    for number, frame in enumerate(FRAMES):
        cv2.imwrite(str(folder / f"{number:03}.png"), frame)


def test_input_that_cannot_be_used_is_named(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.mp4").write_text("no video")
    write_folder(tmp_path / "cut")
    (tmp_path / "cut" / "000.png").write_bytes(b"\x89PNG")
    (tmp_path / "cut.jpg").write_bytes(cv2.imencode(".jpg", FRAMES[0])[1].tobytes()[:200])
    for name in ("missing.mp4", "empty", "text.mp4", "cut", "cut.jpg"):
        with pytest.raises(InputError, match=name):
            open_images(tmp_path / name)


def test_hidden_files_are_passed_over_and_suffixes_may_be_capitals(tmp_path):
    write_folder(tmp_path / "plain")
    write_folder(tmp_path / "copied")
    for path in list((tmp_path / "copied").iterdir()):
        path.rename(path.with_suffix(".PNG"))
        (path.parent / f"._{path.stem}.png").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    images = [open_images(tmp_path / name).read() for name in ("plain", "copied")]
    for one, other in zip(*images, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("name", ["a.png", "a.JPG", "a.bmp", "a.webp"])
def test_a_single_image_is_a_video_of_one_frame(tmp_path, name):
    cv2.imwrite(str(tmp_path / name), FRAMES[3])
    images = open_images(tmp_path / name)
    assert (images.width, images.height, len(images.seconds)) == (80, 48, 1)
    (image,) = images.read()
    assert abs(image.mean() - FRAMES[3].mean()) < 2


ANIMATED = ["a.webp", "a.png"] * hasattr(cv2, "Animation")  # OpenCV 4.11 and later write them


@pytest.mark.parametrize("name", ["a.tiff", *ANIMATED])
def test_an_image_file_of_several_pictures_is_refused(tmp_path, name):
    if name == "a.tiff":
        cv2.imwritemulti(str(tmp_path / name), FRAMES[:3])
    else:
        animation = cv2.Animation()
        animation.frames, animation.durations = FRAMES[:3], [100] * 3
        cv2.imwriteanimation(str(tmp_path / name), animation)
    with pytest.raises(InputError, match=f"{name}: an image file with 3 pictures"):
        open_images(tmp_path / name)
