import struct
import zipfile

import cv2
import numpy as np
import pytest
from converters.cvat_documents import (
    areas,
    cvat_file,
    document,
    entry,
    read_path,
    task,
    track,
    write_zip,
)

from ovis_jax.converters import cvat_files, safe_xml
from ovis_jax.formats.errors import InputError

FILE = cvat_file(entry(1), entry(2))


@pytest.mark.parametrize("name", ["annotations_xml", "task__annotations_xml", "other_xml"])
def test_an_archive_is_read_without_being_unpacked(tmp_path, name):
    members = {name: FILE, "__MACOSX__._a_xml": "no xml", "readme.txt": "hello"}
    path = write_zip(tmp_path / "clip one.zip", **members)
    read = read_path(path)
    assert areas(read.instances[0]) == [0, 12, 12]
    assert read.videos[0].file_names[0] == "clip one/frame_000000.jpg"
    assert list(tmp_path.iterdir()) == [path]


def test_annotations_come_before_other_files_of_an_archive(tmp_path):
    read = read_path(write_zip(tmp_path / "a.zip", annotations_xml=FILE, images__0_xml="no xml"))
    assert areas(read.instances[0]) == [0, 12, 12]


def test_a_folder_may_hold_files_and_archives_in_the_order_of_numbers(tmp_path):
    (tmp_path / "10.xml").write_text(FILE)
    write_zip(tmp_path / "9.ZIP", annotations_xml=FILE)
    (tmp_path / "._10.xml").write_bytes(b"\0\5\26\7")
    names = [video.file_names[0] for video in read_path(tmp_path).videos]
    assert names == ["9/frame_000000.jpg", "10/frame_000000.jpg"]


def test_unpacked_archives_are_named_by_their_folders(tmp_path):
    for name in ("10", "9"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "annotations.xml").write_text(FILE)
    names = [video.file_names[0] for video in read_path(tmp_path).videos]
    assert names == ["9/frame_000000.jpg", "10/frame_000000.jpg"]


def test_names_in_an_archive_are_no_paths_that_are_written_to(tmp_path):
    (tmp_path / "in").mkdir()
    path = write_zip(tmp_path / "in/a.zip", **{"..__..__annotations_xml": FILE})
    try:
        read_path(path)
    except InputError:
        pass
    assert [p.name for p in tmp_path.rglob("*")] == ["in", "a.zip"]


@pytest.mark.parametrize(
    "members, message",
    [
        ({"readme.txt": "hello"}, "expected annotations.xml .* there are 0 XML files"),
        (dict(a_xml=FILE, b_xml=FILE), "there are 2 XML files"),
        (dict(annotations_xml="no xml"), "a.zip/annotations.xml: not XML"),
        (dict(annotations_xml='<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>'), "declares a document"),
        (dict(annotations_xml=FILE.replace("<size>3<", "<size>x<")), "annotations.xml: meta/task"),
    ],
)
def test_what_is_wrong_inside_an_archive_is_said(tmp_path, members, message):
    with pytest.raises(InputError, match=message):
        read_path(write_zip(tmp_path / "a.zip", **members))


def test_damaged_archives_are_one_clear_line(tmp_path):
    path = write_zip(tmp_path / "a.zip", annotations_xml=FILE)
    whole = path.read_bytes()
    changed = whole.replace(b"annotations.xml", b"annotations.xmk", 1)
    encrypted = bytearray(whole)
    encrypted[whole.index(b"PK\1\2") + 8] |= 1
    unknown = bytearray(whole)
    unknown[whole.index(b"PK\1\2") + 10] = 77  # a method of packing
    for content in (
        b"",
        b"nothing",
        whole[:-30],
        whole[:60] + whole[70:],
        changed,
        encrypted,
        unknown,
    ):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"a\.zip: ") as caught:
            read_path(path)
        assert "\n" not in str(caught.value)


def test_archives_that_would_fill_the_memory_are_refused_before(tmp_path, monkeypatch):
    monkeypatch.setattr(cvat_files, "_SMALL_BYTES", 1 << 16)
    bomb = "<annotations>" + " " * (1 << 20) + "</annotations>"
    path = write_zip(tmp_path / "a.zip", annotations_xml=bomb)
    with pytest.raises(InputError, match="1048603 bytes packed to [0-9]+ are not read"):
        read_path(path)
    content = bytearray(path.read_bytes())  # an archive that lies about what is packed
    struct.pack_into("<I", content, content.index(b"PK\1\2") + 20, 1 << 30)
    path.write_bytes(content)
    with pytest.raises(InputError, match="not read"):
        read_path(path)
    struct.pack_into("<I", content, content.index(b"PK\1\2") + 24, 20)  # and of its size
    path.write_bytes(content)
    with pytest.raises(InputError, match="a.zip"):
        read_path(path)
    monkeypatch.setattr(cvat_files, "_MAX_BYTES", len(FILE) - 1)
    with pytest.raises(InputError, match="not read"):
        read_path(write_zip(tmp_path / "b.zip", annotations_xml=FILE))


def test_files_of_more_elements_than_memory_holds_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(safe_xml, "MAX_ELEMENTS", 9)
    with pytest.raises(InputError, match="annotations.xml: more than 9 XML elements"):
        read_path(write_zip(tmp_path / "a.zip", annotations_xml=FILE))


def png(width, height):
    return cv2.imencode(".png", np.zeros((height, width), np.uint8))[1].tobytes()


def test_images_in_the_archive_give_a_task_of_images_its_size_and_names(tmp_path):
    content = document(task(3, original=""), track(entry(1), entry(2)))
    images = {f"images__shot{n}.png": png(12, 8) for n in (9, 10, 11)}
    read = read_path(write_zip(tmp_path / "a.zip", annotations_xml=content, **images))
    video = read.videos[0]
    assert (video.width, video.height) == (12, 8)
    assert video.file_names == ("a/shot9.png", "a/shot10.png", "a/shot11.png")
    assert areas(read.instances[0]) == [0, 12, 12]
    images["images__shot10.png"] = png(13, 8)
    with pytest.raises(InputError, match="shot10.png: 13x8 pixels, the first frame.* 12x8"):
        read_path(write_zip(tmp_path / "a.zip", annotations_xml=content, **images))


def test_images_of_an_archive_may_be_in_a_folder_of_their_own(tmp_path):
    content = document(task(2, original=""), track(entry(0), entry(1)))
    images = {f"images__take 1__shot{n}.png": png(12, 8) for n in (9, 10)}
    video = read_path(write_zip(tmp_path / "a.zip", annotations_xml=content, **images)).videos[0]
    assert (video.width, video.height) == (12, 8)
    assert video.file_names == ("a/take 1/shot9.png", "a/take 1/shot10.png")
    with zipfile.ZipFile(tmp_path / "a.zip") as archive:
        archive.extractall(tmp_path / "a")
    assert read_path(tmp_path / "a").videos[0].width == 12
    images["images__take 2__shot1.png"] = png(12, 8)
    with pytest.raises(InputError, match="original_size: missing"):
        read_path(write_zip(tmp_path / "a.zip", annotations_xml=content, **images))


def test_images_beside_unpacked_annotations_do_the_same(tmp_path):
    (tmp_path / "a/images").mkdir(parents=True)
    for number in (9, 10, 11):
        (tmp_path / f"a/images/{number}.png").write_bytes(png(12, 8))
    content = document(task(3, original=""), track(entry(1), entry(2)))
    (tmp_path / "a/annotations.xml").write_text(content)
    video = read_path(tmp_path).videos[0]
    assert (video.width, video.height, video.file_names[0]) == (12, 8, "a/9.png")
    (tmp_path / "a/annotations.xml").write_text(cvat_file(entry(1), entry(2), size=4))
    assert read_path(tmp_path).videos[0].length == 4  # the size is known without images


def test_an_empty_archive_is_refused(tmp_path):
    zipfile.ZipFile(tmp_path / "a.zip", "w").close()
    with pytest.raises(InputError, match="a.zip: not a ZIP archive, or an empty one"):
        read_path(tmp_path / "a.zip")
