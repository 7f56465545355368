import pathlib

import cv2
import numpy as np
import pytest
from converters.png_files import INDEXED, png_file

from ovis_jax.converters import id_pngs
from ovis_jax.converters.indexed_png import read_numbers, write_numbers
from ovis_jax.converters.sources import Sources
from ovis_jax.formats.annotations import Category
from ovis_jax.formats.errors import InputError


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_numbers_of_a_palette_are_read_even_if_its_colours_are_all_the_same(tmp_path, bits):
    pixels = np.random.default_rng(0).integers(0, 2**bits, (9, 13))
    path = tmp_path / "a.png"
    chunks = [(b"PLTE", bytes([7, 7, 7] * 2**bits)), (b"tRNS", b"\0\x80")]
    path.write_bytes(png_file(pixels, bits, INDEXED, chunks=chunks))
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
    sources = Sources()
    davis = id_pngs.read_davis(tmp_path / "davis", sources)
    mots = id_pngs.read_mots(tmp_path / "mots", sources)
    assert sources.notes == [
        "video clip: 255 is taken as void, not as an object",
        "regions to ignore are left out",
    ]
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
    with pytest.raises(InputError, match="0.png: is a file, expected a folder"):
        id_pngs.read_mots(clip / "0.png", Sources())
    whole = (clip / "0.png").read_bytes()
    damaged = whole[:45] + bytes([whole[45] ^ 1]) + whole[46:]
    for content in (b"", b"GIF89a", whole[:40], whole[:-20], damaged):
        (clip / "1.png").write_bytes(content)
        with pytest.raises(InputError, match="1.png: not a PNG"):
            id_pngs.read_davis(clip, Sources())
    cv2.imwrite(str(clip / "1.png"), np.full((1, 2, 3), (0, 0, 9), np.uint8))
    with pytest.raises(InputError, match="1.png: pixels have colours"):
        id_pngs.read_davis(clip, Sources())
    write_numbers(clip / "1.png", np.uint8([[0, 1, 0]]))
    with pytest.raises(InputError, match="1.png: 3x1 pixels, the first frame has 2x1"):
        id_pngs.read_davis(clip, Sources())


def read_video(folder, read, frames, bits=8):
    """Reads frames given as rows of numbers; objects by areas, notes."""
    (folder / "clip").mkdir()
    for number, row in enumerate(frames):
        (folder / f"clip/{number}.png").write_bytes(png_file(np.array([row]), bits))
    sources = Sources()
    read_back = read(folder, sources)
    return [i.areas.tolist() for i in read_back.instances], sources.notes


@pytest.mark.parametrize("bits, white", [(8, 255), (16, 255), (16, 65535)])
def test_black_and_white_masks_are_one_object_and_that_is_noted(tmp_path, bits, white):
    frames = [[0, white, white], [0, 0, 0], [0, 0, white]]
    areas, notes = read_video(tmp_path, id_pngs.read_davis, frames, bits)
    assert areas == [[2, 0, 1]]
    assert notes == [f"video clip: {white} is the only number besides 0 and taken as one object, "
                     "not as void"]  # fmt: skip


def test_white_is_void_in_every_frame_of_a_video_that_has_other_numbers(tmp_path):
    areas, notes = read_video(tmp_path, id_pngs.read_davis, [[0, 0, 255], [3, 3, 255]])
    assert areas == [[0, 2]] and notes == ["video clip: 255 is taken as void, not as an object"]


def test_void_that_is_larger_than_all_objects_is_noted(tmp_path):
    areas, notes = read_video(tmp_path, id_pngs.read_davis, [[0, 255, 255], [3, 255, 255]])
    assert areas == [[0, 1]] and "void has more pixels than all objects" in notes[1]


def test_numbers_beyond_255_make_255_an_object_and_65535_void(tmp_path):
    frames = [[254, 255, 300, 65535], [300, 300, 255, 0]]
    areas, notes = read_video(tmp_path, id_pngs.read_davis, frames, 16)
    assert areas == [[1, 0], [1, 1], [1, 2]]
    assert notes == [
        "video clip: 255 is an object, not void, since there are numbers above it",
        "video clip: 65535 is taken as void, not as an object",
    ]


def test_numbers_of_mots_given_as_davis_are_noted(tmp_path):
    areas, notes = read_video(tmp_path, id_pngs.read_davis, [[1001, 2001, 0]], 16)
    assert len(areas) == 2 and "--from mots" in notes[0]


def test_videos_with_one_note_share_a_line(tmp_path):
    for name in "abc":
        (tmp_path / name).mkdir()
        (tmp_path / name / "0.png").write_bytes(png_file(np.array([[0, 255]]), 8))
    sources = Sources()
    id_pngs.read_davis(tmp_path, sources)
    (note,) = sources.notes
    assert note.startswith("video a and 2 more: 255 is the only number")


@pytest.mark.parametrize("frames", [[[0, 1], [0, 2]], [[1001, 0], [1001, 255]], [[0, 999]]])
def test_object_numbers_given_as_mots_are_refused(tmp_path, frames):
    with pytest.raises(InputError, match=r"\.png: \d+ in the pixels, .*use --from davis"):
        read_video(tmp_path, id_pngs.read_mots, frames, 16)


def test_a_photograph_is_no_mask(tmp_path):
    with pytest.raises(InputError, match="0.png: 6000 different numbers"):
        read_video(tmp_path, id_pngs.read_davis, [np.arange(6001)], 16)


def test_frames_come_in_the_order_of_their_numbers_and_hidden_files_are_passed_over(tmp_path):
    (tmp_path / "ids/clip").mkdir(parents=True)
    for number in (1, 2, 9, 10, 11):
        suffix = ".PNG" if number == 2 else ".png"
        pixels = np.uint8([[1] * number + [0] * (11 - number)])
        write_numbers(tmp_path / f"ids/clip/{number}{suffix}", pixels)
        (tmp_path / f"ids/clip/._{number}.png").write_bytes(b"Mac OS X")
    for folder in (".ipynb_checkpoints", "__MACOSX", "@eaDir"):
        (tmp_path / "ids" / folder).mkdir()
        (tmp_path / "ids" / folder / "1.png").touch()
    (tmp_path / "ids/clip/Thumbs.db").touch()
    read = id_pngs.read_davis(tmp_path / "ids", Sources())
    assert [name[5:] for name in read.videos[0].file_names] == [
        f"{number}.jpg" for number in (1, 2, 9, 10, 11)
    ]
    assert read.instances[0].areas.tolist() == [1, 2, 9, 10, 11]


def test_two_images_of_one_frame_are_an_error(tmp_path):
    for name in ("ids/clip/7.png", "images/clip/7.jpg", "images/clip/7.png"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        write_numbers(tmp_path / name, np.uint8([[0, 1]]))
    with pytest.raises(InputError, match="7.jpg or 7.png"):
        id_pngs.read_davis(tmp_path / "ids", Sources(images=tmp_path / "images"))


def test_a_folder_can_be_the_working_directory(tmp_path, monkeypatch):
    (tmp_path / "clip").mkdir()
    write_numbers(tmp_path / "clip/0.png", np.uint8([[0, 1]]))
    monkeypatch.chdir(tmp_path / "clip")
    for path in (".", "../clip", "../clip/..", "../clip/../clip/."):
        read = id_pngs.read_davis(pathlib.Path(path), Sources())
        assert read.videos[0].file_names == ("clip/0.jpg",)


def test_davis_has_one_category(tmp_path):
    categories = [Category(1, "cat"), Category(2, "dog")]
    with pytest.raises(InputError, match="give one for all objects"):
        id_pngs.read_davis(tmp_path, Sources(categories=categories))
