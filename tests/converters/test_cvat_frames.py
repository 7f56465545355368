import re

import cv2
import numpy as np
import pytest
from converters.cvat_documents import (
    areas,
    document,
    entry,
    read_cvat,
    task,
    track,
)

from ovis_jax.formats.errors import InputError


def write_images(folder, *names, video="clip", size=(12, 8)):
    (folder / "images" / video).mkdir(parents=True, exist_ok=True)
    for name in names:
        image = np.zeros((size[1], size[0], 3), np.uint8)
        cv2.imwrite(str(folder / "images" / video / name), image)
    return folder / "images"


def visible(*frames):
    return track(*(entry(frame) for frame in frames))


def test_frames_are_named_by_the_images_if_there_are_as_many(tmp_path):
    images = write_images(tmp_path, "b9.png", "b10.png", "b11.png")
    read = read_cvat(tmp_path, document(task(), visible(2)), images=images)
    assert read.videos[0].file_names == ("clip/b9.png", "clip/b10.png", "clip/b11.png")
    with pytest.raises(InputError, match="images/clip: 3 images, the task has 4 frames"):
        read_cvat(tmp_path, document(task(4), visible(3)), images=images)


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp"])
def test_a_task_of_images_has_the_size_of_its_images(tmp_path, suffix):
    meta = task(2, original="", name="photos", mode="annotation")
    content = document(meta, visible(0, 1))
    with pytest.raises(InputError, match="original_size: missing.*--images.* clip"):
        read_cvat(tmp_path, content)
    images = write_images(tmp_path, f"a.{suffix}", f"b.{suffix}")
    read = read_cvat(tmp_path, content, images=images)
    assert (read.videos[0].width, read.videos[0].height) == (12, 8)
    assert areas(read.instances[0]) == [12, 12]
    write_images(tmp_path, f"b.{suffix}", size=(8, 12))
    with pytest.raises(InputError, match=rf"b\.{suffix}: 8x12 pixels, the first frame .* 12x8"):
        read_cvat(tmp_path, content, images=images)


def test_the_folder_of_images_may_be_named_like_the_task(tmp_path):
    images = write_images(tmp_path, "a.png", "b.png", video="drive")
    content = document(task(2, name="drive.mp4"), visible(0, 1))
    read = read_cvat(tmp_path, content, images=images)
    assert read.videos[0].file_names == ("drive/a.png", "drive/b.png")
    with pytest.raises(InputError, match="images/clip: no such folder"):
        read_cvat(tmp_path, content.replace("drive", "other"), images=images)


def test_images_that_cvat_wrote_are_matched_by_number_and_missing_ones_left_out(tmp_path):
    notes = []
    meta = task(5, start_frame=10, stop_frame=18, frame_filter="step=2")
    images = write_images(tmp_path, *(f"frame_0000{n}.PNG" for n in (10, 14, 16, 18)))
    content = document(meta, visible(10, 14, 16))
    read = read_cvat(tmp_path, content, notes=notes, images=images)
    assert len(read.videos[0].file_names) == 4
    assert read.videos[0].file_names[1] == "clip/frame_000014.PNG"
    assert areas(read.instances[0]) == [12, 12, 12, 0]
    assert any("no images of 1 frames, which are left out" in note for note in notes)
    with pytest.raises(InputError, match="track 0, frame 12: there is no image of it"):
        read_cvat(tmp_path, document(meta, visible(10, 12)), images=images)


def test_other_images_may_lack_just_the_deleted_frames(tmp_path):
    notes = []
    images = write_images(tmp_path, "a.png", "b.png", "d.png", "e.png")
    content = document(task(5), visible(0, 1, 3, 4))
    read = read_cvat(tmp_path, content, notes=notes, images=images)
    assert areas(read.instances[0]) == [12] * 4
    assert read.videos[0].file_names[2] == "clip/d.png"
    assert any("no images of 1 deleted frames" in note for note in notes)


@pytest.mark.parametrize(
    "meta, frames, want",
    [
        (task(3, kind="job", start_frame=2, stop_frame=4), (2, 3, 4), (2, 3, 4)),
        (task(2, kind="job", start_frame=0, stop_frame=1), (0, 1), (0, 1)),
        (task(3, start_frame=0, stop_frame=4, frame_filter="step=2"), (0, 2, 4), (0, 2, 4)),
    ],
)
def test_images_of_the_whole_video_are_counted_by_frame_numbers(tmp_path, meta, frames, want):
    notes = []
    images = write_images(tmp_path, *(f"{n}.png" for n in range(6)))
    read = read_cvat(tmp_path, document(meta, visible(*frames)), notes=notes, images=images)
    assert read.videos[0].file_names == tuple(f"clip/{n}.png" for n in want)
    assert re.search("of 6 images .* frame numbers", notes[0])


def test_more_images_than_frames_of_a_whole_task_are_an_error(tmp_path):
    images = write_images(tmp_path, *(f"{n}.png" for n in range(6)))
    with pytest.raises(InputError, match="6 images, the task has 3 frames"):
        read_cvat(tmp_path, document(task(), visible(0, 1)), images=images)
