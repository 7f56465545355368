import struct
import zlib

import cv2
import numpy as np
import pytest

from ovis_jax.converters import id_pngs
from ovis_jax.converters.clips import Sources
from ovis_jax.converters.indexed_png import read_numbers, write_numbers
from ovis_jax.formats.annotations import Category
from ovis_jax.formats.errors import InputError


def indexed_png(pixels, bits, palette):
    """A PNG file with a palette and 1, 2, 4 or 8 bits a pixel, put together by hand."""
    height, width = pixels.shape
    per_byte = 8 // bits
    padded = np.pad(pixels, ((0, 0), (0, -width % per_byte)))
    shifts = np.arange(per_byte)[::-1] * bits
    packed = (padded.reshape(height, -1, per_byte) << shifts).sum(axis=2).astype(np.uint8)
    rows = b"".join(b"\0" + row.tobytes() for row in packed)
    header = struct.pack(">IIBBBBB", width, height, bits, 3, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"PLTE", bytes(palette)), (b"tRNS", b"\0\x80"),
              (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]  # fmt: skip
    content = b"\x89PNG\r\n\x1a\n"
    for kind, data in chunks:
        checksum = struct.pack(">I", zlib.crc32(kind + data))
        content += struct.pack(">I", len(data)) + kind + data + checksum
    return content


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_numbers_of_a_palette_are_read_even_if_its_colours_are_all_the_same(tmp_path, bits):
    pixels = np.random.default_rng(0).integers(0, 2**bits, (9, 13))
    path = tmp_path / "a.png"
    path.write_bytes(indexed_png(pixels, bits, [7, 7, 7] * 2**bits))
    np.testing.assert_array_equal(read_numbers(path), pixels)


def test_written_palettes_show_colours_to_others(tmp_path):
    numbers = np.arange(30, dtype=np.uint8).reshape(5, 6)
    write_numbers(tmp_path / "a.png", numbers)
    np.testing.assert_array_equal(read_numbers(tmp_path / "a.png"), numbers)
    colors = cv2.imread(str(tmp_path / "a.png")).reshape(-1, 3)
    assert (colors[0] == 0).all() and len(np.unique(colors, axis=0)) == 30


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_numbers_in_grey_are_read_as_they_are(tmp_path, dtype):
    pixels = np.array([[0, 3], [255, np.iinfo(dtype).max]], dtype)
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    np.testing.assert_array_equal(read_numbers(tmp_path / "a.png"), pixels)


def test_void_and_regions_to_ignore_are_no_objects(tmp_path):
    for name, numbers in (
        ("davis", np.uint8([[0, 255, 4]])),
        ("mots", np.uint16([[0, 10000, 2005]])),
    ):
        (tmp_path / name / "clip").mkdir(parents=True)
        write_numbers(tmp_path / name / "clip/00000.png", numbers)
    davis = id_pngs.read_davis(tmp_path / "davis", Sources())
    mots = id_pngs.read_mots(tmp_path / "mots", Sources())
    assert [(i.category_id, i.areas[0]) for i in davis.instances] == [(1, 1)]
    assert [(i.category_id, i.areas[0]) for i in mots.instances] == [(2, 1)]
    assert [c.name for c in davis.categories] == ["object"]
    assert davis.videos[0].file_names == ("clip/00000.jpg",)


def test_a_folder_of_images_gives_the_names_of_the_frames(tmp_path):
    for folder, name in (("ids", "00000.png"), ("images", "00000.JPG"), ("images", "readme.txt")):
        (tmp_path / folder / "clip").mkdir(parents=True, exist_ok=True)
        write_numbers(tmp_path / folder / "clip" / name, np.uint8([[0, 1]]))
    sources = Sources(images=tmp_path / "images")
    read = id_pngs.read_davis(tmp_path / "ids", sources)
    assert read.videos[0].file_names == ("clip/00000.JPG",)
    write_numbers(tmp_path / "ids/clip/00001.png", np.uint8([[0, 1]]))
    with pytest.raises(InputError, match="no image is named 00001"):
        id_pngs.read_davis(tmp_path / "ids", sources)


def test_what_is_wrong_with_a_png_is_said_with_its_name(tmp_path):
    clip = tmp_path / "clip"
    with pytest.raises(InputError, match="clip: no such folder"):
        id_pngs.read_mots(clip, Sources())
    clip.mkdir()
    with pytest.raises(InputError, match=r"no \.png file"):
        id_pngs.read_mots(clip, Sources())
    good = np.uint8([[0, 1]])
    write_numbers(clip / "0.png", good)
    whole = (clip / "0.png").read_bytes()
    damaged = whole[:45] + bytes([whole[45] ^ 1]) + whole[46:]
    for content in (b"", b"GIF89a", whole[:40], whole[:-20], damaged):
        (clip / "1.png").write_bytes(content)
        with pytest.raises(InputError, match="1.png: not a PNG"):
            id_pngs.read_davis(clip, Sources())
    cv2.imwrite(str(clip / "1.png"), np.zeros((1, 2, 3), np.uint8))
    with pytest.raises(InputError, match="1.png: pixels have colours"):
        id_pngs.read_davis(clip, Sources())
    write_numbers(clip / "1.png", np.uint8([[0, 1, 0]]))
    with pytest.raises(InputError, match="1.png: 3x1 pixels, the first frame has 2x1"):
        id_pngs.read_davis(clip, Sources())


def test_davis_has_one_category(tmp_path):
    categories = [Category(1, "cat"), Category(2, "dog")]
    with pytest.raises(InputError, match="give one for all objects"):
        id_pngs.read_davis(tmp_path, Sources(categories=categories))
