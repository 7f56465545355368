import struct

import cv2
import numpy as np
import pytest

from ovis_jax.formats.errors import InputError
from ovis_jax.tools.converters.image_header import image_size


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp"])
def test_sizes_are_those_that_opencv_reads(tmp_path, suffix):
    for height, width in ((1, 1), (8, 13), (300, 70)):
        path = tmp_path / f"a.{suffix}"
        cv2.imwrite(str(path), np.zeros((height, width, 3), np.uint8))
        assert image_size(path) == (width, height)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_a_jpeg_that_lies_on_its_side_has_the_size_it_is_shown_in(tmp_path, order, orientation):
    _, content = cv2.imencode(".jpg", np.zeros((8, 13, 3), np.uint8))
    mark = b"II*\0" if order == "<" else b"MM\0*"
    entry = struct.pack(f"{order}HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = mark + struct.pack(f"{order}IH", 8, 1) + entry + bytes(4)
    block = b"Exif\0\0" + tiff
    block = b"\xff\xe1" + struct.pack(">H", len(block) + 2) + block
    path = tmp_path / "a.jpg"
    path.write_bytes(content.tobytes()[:2] + block + content.tobytes()[2:])
    width, height = image_size(path)
    assert cv2.imread(str(path)).shape[:2] == (height, width)


def test_other_files_and_damaged_ones_are_refused_by_name(tmp_path):
    _, jpeg = cv2.imencode(".jpg", np.zeros((8, 13, 3), np.uint8))
    path = tmp_path / "a.jpg"
    zero = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sII", 13, b"IHDR", 0, 4)
    for content in (b"", b"GIF89a", jpeg.tobytes()[:40], b"\xff\xd8" + b"\xff" * 9, b"BM", zero):
        path.write_bytes(content)
        with pytest.raises(InputError, match="a.jpg: "):
            image_size(path)
    with pytest.raises(InputError, match="b.png: cannot be read"):
        image_size(tmp_path / "b.png")
