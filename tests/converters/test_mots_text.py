import json

import cv2
import numpy as np
import pytest
from converters.random_clips import random_annotations, tracks
from converters.squares import HEIGHT, WIDTH, square_mask
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.converters import mots_text
from ovis_jax.converters.sources import Sources
from ovis_jax.formats import rle
from ovis_jax.formats.documents import from_document, to_document
from ovis_jax.formats.errors import InputError

COUNTS = rle.encode(square_mask())["counts"]


def line(frame, object_id=2001, class_id=2, size=f"{HEIGHT} {WIDTH}", counts=COUNTS):
    return f"{frame} {object_id} {class_id} {size} {counts}\n"


def written(path, *lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(lines))
    return path


def write_images(folder, *names):
    folder.mkdir(parents=True)
    for name in names:
        cv2.imwrite(str(folder / name), np.zeros((HEIGHT, WIDTH, 3), np.uint8))


def test_kitti_files_count_frames_from_0(tmp_path):
    written(tmp_path / "in/0002.txt", line(0), line(2), line(2, 1001, 1), line(1, 10000, 10))
    written(tmp_path / "in/0010.TXT", line(1))
    sources = Sources()
    read = mots_text.read(tmp_path / "in", sources)
    assert [video.file_names[0] for video in read.videos] == ["0002/000000.jpg", "0010/000000.jpg"]
    assert [video.length for video in read.videos] == [3, 2]
    assert [(i.category_id, i.areas.tolist()) for i in read.instances] == [
        (2, [12, 0, 12]), (1, [0, 0, 12]), (2, [0, 12])]  # fmt: skip
    assert sources.notes == ["regions to ignore are left out"]
    np.testing.assert_array_equal(read.instances[0].mask(0), square_mask())


def test_mots_challenge_counts_from_1_and_tells_the_number_of_frames(tmp_path):
    written(tmp_path / "MOTS20-02/gt/gt.txt", line(2))
    written(tmp_path / "MOTS20-05/gt/gt.txt")
    for name, length in (("MOTS20-02", 4), ("MOTS20-05", 3)):
        (tmp_path / name / "seqinfo.ini").write_text(
            f"[Sequence]\nname={name}\nseqLength={length}\nimWidth={WIDTH}\nimHeight={HEIGHT}\n"
        )
    for source, videos in ((tmp_path, 2), (tmp_path / "MOTS20-02", 1),
                           (tmp_path / "MOTS20-02/gt/gt.txt", 1)):  # fmt: skip
        read = mots_text.read(source, Sources())
        assert [video.length for video in read.videos] == [4, 3][:videos]
        assert read.videos[0].file_names[:2] == ("MOTS20-02/000001.jpg", "MOTS20-02/000002.jpg")
        assert read.instances[0].areas.tolist() == [0, 12, 0, 0]


@pytest.mark.parametrize("first, inner", [(0, ""), (1, ""), (1, "img1")])
def test_images_name_the_frames_and_tell_the_first_and_the_last(tmp_path, first, inner):
    names = [f"{number:06d}.png" for number in range(first, first + 5)]
    write_images(tmp_path / "images/0002" / inner, *names)
    path = written(tmp_path / "0002.txt", line(2))
    read = mots_text.read(path, Sources(images=tmp_path / "images", first_frame=first))
    folder = "/".join(part for part in ("0002", inner) if part)
    assert list(read.videos[0].file_names) == [f"{folder}/{name}" for name in names]
    assert np.flatnonzero(read.instances[0].areas).tolist() == [2 - first]
    if not inner:
        again = mots_text.read(path, Sources(images=tmp_path / "images"))
        assert tracks(again) == tracks(read)


def test_a_first_frame_in_doubt_is_asked_for(tmp_path):
    path = written(tmp_path / "0002.txt", line(1))
    with pytest.raises(InputError, match="0002.txt: no file has a frame 0.*--first-frame"):
        mots_text.read(path, Sources())
    assert mots_text.read(path, Sources(first_frame=0)).videos[0].length == 2
    assert mots_text.read(path, Sources(first_frame=1)).videos[0].length == 1
    with pytest.raises(InputError, match="there is a frame 0"):
        mots_text.read(written(tmp_path / "0003.txt", line(0)), Sources(first_frame=1))


@pytest.mark.parametrize(
    "lines, message",
    [
        ([line(0), "0 1 2 3\n"], "a.txt:2: 4 fields"),
        ([line(0), line("x")], "a.txt:2: frame: expected a whole number, is 'x'"),
        ([line(-1)], "a.txt:1: frame"),
        ([line(0), line(1, 2001, 3)], "a.txt:2: object 2001 is of class 3, before 2"),
        ([line(0), line(0)], "a.txt:2: object 2001 is twice"),
        ([line(0), line(1, size="9 9")], "a.txt:2: rle"),
        ([line(0), line(1, size=f"{HEIGHT * 2} {WIDTH // 2}")], "a.txt:2: 6x16 .* 12x8"),
        ([line(0, counts="zzz~")], "a.txt:1: rle"),
        ([line(0, size="0 12")], "a.txt:1: height"),
        ([line(0, size="9999999 12")], "a.txt:1: height"),
        ([line(9999999)], "a.txt:1: frame"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(tmp_path, lines, message):
    path = written(tmp_path / "a.txt", *lines)
    with pytest.raises(InputError, match=message) as raised:
        mots_text.read(path, Sources(first_frame=0))
    assert "\n" not in str(raised.value)


def test_files_that_say_too_little_are_refused(tmp_path):
    written(tmp_path / "empty/a.txt")
    (tmp_path / "none").mkdir()
    (tmp_path / "binary.txt").write_bytes(b"\xff\xfe\0\1")
    write_images(tmp_path / "images/a", "0.png")
    late = written(tmp_path / "late/a.txt", line(0), line(3))
    for path, images, message in (
        (tmp_path / "empty", None, "a.txt: no line"),
        (tmp_path / "none", None, "none: no .txt file"),
        (tmp_path / "missing", None, "missing: no such"),
        (tmp_path / "binary.txt", None, "binary.txt: not a text file"),
        (late, tmp_path / "images", "frame 3, but the video has 1 frames"),
    ):
        with pytest.raises(InputError, match=message):
            mots_text.read(path, Sources(images=images, first_frame=0))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32))
def test_what_the_format_has_a_place_for_comes_back(tmp_path_factory, seed):
    folder = tmp_path_factory.mktemp("mots")
    annotations = random_annotations(seed)
    mots_text.write(folder / "text", annotations)
    for video in annotations.videos:
        directory, names = video.file_names[0].split("/")[0], video.file_names
        (folder / "images" / directory).mkdir(parents=True)
        for name in names:
            image = np.zeros((video.height, video.width, 3), np.uint8)
            cv2.imwrite(str(folder / "images" / name), image)
    sources = Sources(folder / "images", annotations.categories, first_frame=0)
    back = mots_text.read(folder / "text", sources)
    assert tracks(back, levels=False) == tracks(annotations, levels=False)


def test_a_pixel_of_several_objects_is_that_of_the_surest_and_crowds_are_ignored(tmp_path):
    annotations = random_annotations(3)
    document = to_document(annotations)
    first = document["annotations"][0]
    document["annotations"].append(first | dict(id="crowd", iscrowd=1))
    notes = mots_text.write(tmp_path / "text", from_document(document, "several"))
    assert any("pixels of several objects" in note for note in notes)
    assert "crowds are not kept" in notes
    sources = Sources(categories=annotations.categories, first_frame=0)
    back = mots_text.read(tmp_path / "text", sources)
    assert len(back.instances) == len(annotations.instances)
    areas = sum(instance.areas.sum() for instance in back.instances)
    assert areas == sum(instance.areas.sum() for instance in annotations.instances)


@settings(deadline=None, max_examples=150)
@given(st.data())
def test_a_damaged_file_is_read_or_refused_by_name(tmp_path_factory, data):
    content = bytearray("".join([line(0), line(1), line(2, 1001, 1)]).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.mktemp("damaged") / "a.txt"
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        read = mots_text.read(path, Sources())
    except InputError as error:
        assert "a.txt" in str(error)
        return
    json.dumps(to_document(read))
