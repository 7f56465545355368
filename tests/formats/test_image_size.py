import base64
import struct

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.data.frame_files import read_frame
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.image_size import base64_size, image_size

IMAGE = np.random.default_rng(0).integers(0, 255, (20, 30, 3)).astype(np.uint8)


def jpeg():
    return cv2.imencode(".jpg", IMAGE)[1].tobytes()


def with_orientation(content, orientation, order=">"):
    """A JPEG file whose EXIF data state an orientation."""
    tiff = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(order + "IH", 8, 2)
    tiff += struct.pack(order + "HHIHH", 0x0103, 3, 1, 6, 0)
    tiff += struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0) + bytes(4)
    data = b"Exif\0\0" + tiff
    return content[:2] + b"\xff\xe1" + struct.pack(">H", len(data) + 2) + data + content[2:]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("orientation", range(1, 9))
def test_sizes_are_those_of_the_decoded_image(tmp_path, orientation, order):
    path = tmp_path / "a.jpg"
    path.write_bytes(with_orientation(jpeg(), orientation, order))
    size = image_size(path)
    assert size == ((30, 20) if orientation < 5 else (20, 30))
    assert read_frame(path, *size).shape == (*size[::-1], 3)


@pytest.mark.parametrize("suffix", ["jpg", "jpeg", "png", "bmp", "webp", "tiff"])
def test_all_kinds_of_images_have_a_size(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    cv2.imwrite(str(path), IMAGE)
    assert image_size(path) == (30, 20)


def test_headers_are_enough(tmp_path):
    png = cv2.imencode(".png", IMAGE)[1].tobytes()
    for name, content in (("a.jpg", jpeg()), ("a.png", png)):
        spoilt = bytearray(content)
        spoilt[-40:-14] = bytes(26)
        (tmp_path / name).write_bytes(bytes(spoilt))
        assert image_size(tmp_path / name) == (30, 20)


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_damaged_images_have_a_size_or_are_refused_by_name(tmp_path_factory, data):
    content = bytearray(with_orientation(jpeg(), 6) if data.draw(st.booleans()) else
                        cv2.imencode(".png", IMAGE)[1].tobytes())  # fmt: skip
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "x.jpg"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        width, height = image_size(path)
    except InputError as error:
        assert "x.jpg" in str(error)
        return
    assert width > 0 and height > 0


def test_a_missing_image_is_named(tmp_path):
    with pytest.raises(InputError, match="a.jpg: cannot be read"):
        image_size(tmp_path / "a.jpg")


def test_files_that_are_no_images_are_refused_by_name(tmp_path):
    zero = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 0, 4)
    for content in (b"", b"text", jpeg()[:40], b"\xff\xd8" + b"\xff" * 9, b"BM", zero):
        (tmp_path / "a.jpg").write_bytes(content)
        with pytest.raises(InputError, match="a.jpg: "):
            image_size(tmp_path / "a.jpg")
    with pytest.raises(InputError, match="cannot be read"):
        image_size(tmp_path)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp"])
def test_the_header_of_an_image_in_base64_tells_its_size(suffix):
    content = cv2.imencode(suffix, IMAGE)[1].tobytes()
    assert base64_size(base64.b64encode(content).decode()) == (30, 20)
    assert base64_size(base64.b64encode(content[:18]).decode()) is None
    assert base64_size("é") is None and base64_size("a") is None and base64_size("") is None


def test_long_segments_before_the_size_are_stepped_over(tmp_path):
    content = jpeg()
    for _ in range(12):  # a colour profile, previews
        content = content[:2] + b"\xff\xe2" + struct.pack(">H", 65002) + bytes(65000) + content[2:]
    (tmp_path / "a.jpg").write_bytes(content)
    assert image_size(tmp_path / "a.jpg") == (30, 20)
    assert base64_size(base64.b64encode(content).decode()) == (30, 20)
