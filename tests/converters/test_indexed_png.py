import zlib

import cv2
import numpy as np
import pytest
from converters.png_files import (
    COLOR,
    COLOR_ALPHA,
    GREY,
    GREY_ALPHA,
    INDEXED,
    png_file,
)

from ovis_jax.converters.indexed_png import read_numbers, recorded_name, write_numbers
from ovis_jax.formats.errors import InputError


def random_pixels(bits):
    return np.random.default_rng(0).integers(0, 2**bits, (9, 13))


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_grey_samples_are_numbers_of_any_bit_depth_and_not_brightness(tmp_path, bits, interlaced):
    pixels, transparent = random_pixels(bits), b"\0\1"
    chunks = [(b"gAMA", b"\0\0\xb1\x8f"), (b"tRNS", transparent)]
    (tmp_path / "a.png").write_bytes(png_file(pixels, bits, chunks=chunks, interlaced=interlaced))
    numbers = read_numbers(tmp_path / "a.png")
    np.testing.assert_array_equal(numbers, pixels)
    assert numbers.dtype == (np.uint16 if bits == 16 else np.uint8)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_a_palette_may_be_interlaced_or_shorter_than_its_numbers(tmp_path, bits):
    pixels, palette = random_pixels(bits), [(b"PLTE", b"abc" * 2), (b"tRNS", b"\0\x80")]
    (tmp_path / "a.png").write_bytes(
        png_file(pixels, bits, INDEXED, chunks=palette, interlaced=True)
    )
    np.testing.assert_array_equal(read_numbers(tmp_path / "a.png"), pixels)


@pytest.mark.parametrize("bits", [8, 16])
def test_grey_with_alpha_is_read_unless_numbers_are_transparent(tmp_path, bits):
    numbers = random_pixels(bits)
    alpha = np.where(numbers > 0, 2**bits - 1, 0)
    numbers[0, 0] = alpha[0, 0] = 0
    path = tmp_path / "a.png"
    path.write_bytes(png_file(np.stack([numbers, alpha], axis=2), bits, GREY_ALPHA))
    np.testing.assert_array_equal(read_numbers(path), numbers)
    numbers[0, 0] = 3
    path.write_bytes(png_file(np.stack([numbers, alpha], axis=2), bits, GREY_ALPHA))
    with pytest.raises(InputError, match="a.png: pixels with numbers are transparent"):
        read_numbers(path)


@pytest.mark.parametrize("color_type", [COLOR, COLOR_ALPHA])
@pytest.mark.parametrize("bits", [8, 16])
def test_colours_are_numbers_where_all_channels_are_equal(tmp_path, bits, color_type):
    numbers, path = random_pixels(bits), tmp_path / "a.png"
    opaque = [np.full_like(numbers, 2**bits - 1)] * (color_type == COLOR_ALPHA)
    colors = np.stack([numbers, numbers, numbers, *opaque], axis=2)
    path.write_bytes(png_file(colors, bits, color_type))
    np.testing.assert_array_equal(read_numbers(path), numbers)
    for channel in range(3):
        other = colors.copy()
        other[2, 3, channel] ^= 1
        path.write_bytes(png_file(other, bits, color_type))
        with pytest.raises(InputError, match="a.png: pixels have colours"):
            read_numbers(path)


def test_a_size_that_the_content_cannot_fill_is_refused_before_memory_is_taken(tmp_path):
    content = png_file(np.zeros((1, 1), int), 8, GREY)
    start = content.index(b"IHDR")
    header = content[start : start + 4] + b"\0\0\x75\x30" * 2 + content[start + 12 : start + 17]
    checksum = zlib.crc32(header).to_bytes(4, "big")
    content = content[:start] + header + checksum + content[start + 21 :]
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(InputError, match="a.png: not a PNG"):
        read_numbers(tmp_path / "a.png")


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", [None, "left/0ü 1.jpg", "", "a\\b\n"])
def test_the_name_of_a_frame_is_kept_in_its_file(tmp_path, dtype, name):
    numbers = np.array([[0, 3], [200, 255]], dtype)
    write_numbers(tmp_path / "a.png", numbers, name)
    assert recorded_name(tmp_path / "a.png") == name
    np.testing.assert_array_equal(read_numbers(tmp_path / "a.png"), numbers)
    assert cv2.imread(str(tmp_path / "a.png")) is not None


def test_files_of_others_have_no_name_of_a_frame(tmp_path):
    texts = [(b"iTXt", b"Title\0\0\0\0\0x"), (b"tEXt", b"ovis_file_name\0x"), (b"iTXt", b"")]
    (tmp_path / "a.png").write_bytes(png_file(random_pixels(8), 8, chunks=texts))
    (tmp_path / "b.png").write_bytes(b"\x89PNG\r\n\x1a\n\0")
    for name in ("a.png", "b.png", "none.png"):
        assert recorded_name(tmp_path / name) is None
    write_numbers(tmp_path / "c.png", np.uint8([[1]]), "no UTF-8 \ud800")
    assert recorded_name(tmp_path / "c.png") is None
