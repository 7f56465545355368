import base64
import struct

import cv2
import numpy as np
import pytest

from ovis_jax.tools.converters.image_sizes import size_of_base64, size_of_file


def encoded(suffix):
    _, content = cv2.imencode(suffix, np.zeros((5, 9, 3), np.uint8))
    return content.tobytes()


def with_segment(jpeg, kind, data):
    return jpeg[:2] + struct.pack(">BBH", 0xFF, kind, len(data) + 2) + data + jpeg[2:]


def exif(orientation, order):
    directory = struct.pack(order + "HHHIHH", 1, 0x0112, 3, 1, orientation, 0)
    start = b"II*\0\x08\0\0\0" if order == "<" else b"MM\0*\0\0\0\x08"
    return b"Exif\0\0" + start + directory + bytes(4)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_the_header_tells_width_and_height(tmp_path, suffix):
    (tmp_path / "a").write_bytes(encoded(suffix))
    assert size_of_file(tmp_path / "a") == (9, 5)
    assert size_of_base64(base64.b64encode(encoded(suffix)).decode()) == (9, 5)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_that_lies_on_its_side_is_turned_as_opencv_turns_it(
    tmp_path, orientation, order
):
    (tmp_path / "a.jpg").write_bytes(with_segment(encoded(".jpg"), 0xE1, exif(orientation, order)))
    height, width, _ = cv2.imread(str(tmp_path / "a.jpg")).shape
    assert size_of_file(tmp_path / "a.jpg") == (width, height)


def test_long_segments_before_the_size_are_stepped_over(tmp_path):
    content = encoded(".jpg")
    for _ in range(12):  # a colour profile, previews
        content = with_segment(content, 0xE2, bytes(65000))
    (tmp_path / "a.jpg").write_bytes(content)
    assert size_of_file(tmp_path / "a.jpg") == (9, 5)
    assert size_of_base64(base64.b64encode(content).decode()) == (9, 5)


@pytest.mark.parametrize(
    "content", [b"", b"text", encoded(".jpg")[:20], encoded(".png")[:18], b"BM", b"\xff\xd8\0\0"]
)
def test_what_is_no_image_or_cut_off_has_no_size(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    assert size_of_file(tmp_path / "a") is None
    assert size_of_base64(base64.b64encode(content).decode()) is None


def test_no_file_and_no_base64_have_no_size(tmp_path):
    assert size_of_file(tmp_path / "none") is None and size_of_file(tmp_path) is None
    assert size_of_base64("é") is None and size_of_base64("a") is None
