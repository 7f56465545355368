import base64
import json

import cv2
import numpy as np
import pytest
from converters.squares import (
    HEIGHT,
    SQUARE,
    WIDTH,
    square_mask,
)

from ovis_jax.converters import labelme
from ovis_jax.converters.sources import Sources
from ovis_jax.formats.annotations import Category
from ovis_jax.formats.documents import from_document
from ovis_jax.formats.errors import InputError


def labelme_file(shapes, **changes):
    shapes = [dict(label="truck", group_id=None, points=SQUARE) | shape for shape in shapes]
    document = dict(version="4.0.0", flags={}, shapes=shapes, imageData="AAAA", lineColor=[0])
    document |= dict(imagePath="..\\frames\\7.jpg", imageHeight=HEIGHT, imageWidth=WIDTH)
    return json.dumps(document | changes)


def test_labelme_shapes_of_one_group_are_parts_of_one_object(tmp_path):
    other = [[8, 5], [12, 5], [12, 8], [8, 8]]
    (tmp_path / "7.json").write_text(
        labelme_file([dict(group_id=3), dict(group_id=3, points=other), dict(group_id=4)])
    )
    (tmp_path / "8.json").write_text(
        labelme_file([dict(group_id=3, flags={"severe_occlusion": True, "other": True})])
    )
    read = labelme.read(tmp_path, Sources())
    first, second = read.instances
    assert read.videos[0].file_names == (f"{tmp_path.name}/7.jpg", f"{tmp_path.name}/8.jpg")
    assert first.areas.tolist() == [24, 12] and second.areas.tolist() == [12, 0]
    np.testing.assert_array_equal(first.mask(1), square_mask())
    assert first.occlusion == (None, "severe_occlusion") and second.occlusion is None


def test_images_without_a_labelme_file_are_frames_that_were_not_annotated(tmp_path):
    for name in ("6.jpg", "7.jpg", "8.jpg"):
        (tmp_path / "images/clip").mkdir(parents=True, exist_ok=True)
        (tmp_path / "images/clip" / name).touch()
    (tmp_path / "labels/clip").mkdir(parents=True)
    (tmp_path / "labels/clip/7.json").write_text(labelme_file([{}]))
    sources = Sources(images=tmp_path / "images")
    read = labelme.read(tmp_path / "labels", sources)
    assert read.videos[0].length == 3 and read.instances[0].areas.tolist() == [0, 12, 0]
    assert read.videos[0].annotated_frames == (1,) and "2 of 3 frames" in sources.notes[0]
    labelme.write(tmp_path / "again", read)
    assert [path.name for path in (tmp_path / "again/clip").iterdir()] == ["7.json"]
    again = labelme.read(tmp_path / "again", Sources(images=tmp_path / "images"))
    assert again.videos == read.videos
    (tmp_path / "labels/clip/8.json").write_text(labelme_file([]))  # looked at, nothing there
    read = labelme.read(tmp_path / "labels", Sources(images=tmp_path / "images"))
    assert read.videos[0].annotated_frames == (1, 2)


@pytest.mark.parametrize(
    "content, message",
    [
        ("[]", "expected an object"),
        ("{", "7.json"),
        (labelme_file([dict(label=3)]), r"shapes\[0\]: label"),
        (labelme_file([{}, {}]), r"shapes\[1\]: group_id"),
        (labelme_file([dict(group_id="a")]), r"shapes\[0\]: group_id"),
        (labelme_file([dict(shape_type="circle")]), r"shapes\[0\]: shape_type: .*'circle'"),
        (labelme_file([dict(points=[[1, 2], [3, 4]])]), r"shapes\[0\]: points"),
        (labelme_file([dict(points=[[1, 2], [3, "4"], [5, 6]])]), r"shapes\[0\]: points"),
        (labelme_file([dict(points=[1, 2, 3, 4, 5, 6])]), r"shapes\[0\]: points"),
        (labelme_file([dict(flags=[1])]), r"shapes\[0\]: flags"),
        (labelme_file([], imageHeight="8"), "imageHeight"),
        (labelme_file([], imageWidth=10**12), "imageWidth"),
        ('{"imageHeight": 8, "imageWidth": 12}', "shapes"),
        ('{"categories": []}', "7.json: shapes: missing"),
    ],
)
def test_what_is_wrong_with_a_labelme_file_is_said_with_shape_and_field(tmp_path, content, message):
    (tmp_path / "7.json").write_text(content)
    with pytest.raises(InputError, match=message):
        labelme.read(tmp_path, Sources())


def test_labels_that_are_no_given_category_are_named(tmp_path):
    (tmp_path / "7.json").write_text(labelme_file([{}]))
    with pytest.raises(InputError, match="label 'truck'"):
        labelme.read(tmp_path, Sources(categories=[Category(1, "cat")]))


def test_points_and_lines_are_left_out_with_a_note_and_need_no_group(tmp_path):
    lines = [
        dict(shape_type=kind, label="eye", points=[[1, 1], [2, 2]])
        for kind in ("point", "line", "linestrip", "points", "point")
    ]
    (tmp_path / "7.json").write_text(labelme_file([{}, *lines]))
    sources = Sources()
    read = labelme.read(tmp_path, sources)
    assert len(read.instances) == 1 and [c.name for c in read.categories] == ["truck"]
    assert sources.notes == [
        "shapes that are no areas are left out: 1 line, 1 linestrip, 2 point, 1 points"
    ]


@pytest.mark.parametrize("sides", [dict(imageHeight=None), dict(imageHeight=None, imageWidth=None)])
@pytest.mark.parametrize("where", ["imageData", "frames/7.jpg", "images/clip/7.JPG"])
def test_a_size_that_is_missing_is_that_of_the_image(tmp_path, where, sides):
    content = cv2.imencode(".jpg", np.zeros((HEIGHT, WIDTH, 3), np.uint8))[1].tobytes()
    data = None
    if where == "imageData":
        data = base64.b64encode(content).decode()
    else:
        (tmp_path / where).parent.mkdir(parents=True)
        (tmp_path / where).write_bytes(content)
    (tmp_path / "clip").mkdir()
    (tmp_path / "clip/7.json").write_text(labelme_file([{}], imageData=data, **sides))
    images = tmp_path / "images" if where.startswith("images") else None
    read = labelme.read(tmp_path / "clip", Sources(images=images))
    assert (read.videos[0].width, read.videos[0].height) == (WIDTH, HEIGHT)


def test_a_size_that_nothing_tells_is_an_error(tmp_path):
    (tmp_path / "7.json").write_text(labelme_file([{}], imageHeight=None))
    with pytest.raises(InputError, match="7.json: imageHeight: missing, and there is no image"):
        labelme.read(tmp_path, Sources(images=tmp_path))


def test_frames_come_in_the_order_of_their_numbers_whatever_their_suffix(tmp_path):
    for number in (1, 2, 9, 10, 11):
        square = [[x + number, y] for x, y in [[0, 0], [1, 0], [1, 1], [0, 1]]]
        suffix = ".JSON" if number == 9 else ".json"
        shape = dict(points=square, shape_type="polygon")
        content = labelme_file([shape], imagePath=f"frame{number}.png")
        (tmp_path / f"frame{number}{suffix}").write_text(content)
    (tmp_path / "._frame1.json").write_bytes(b"\0Mac OS X")
    read = labelme.read(tmp_path, Sources())
    assert read.instances[0].boxes[:, 0].tolist() == [1, 2, 9, 10, 11]
    assert read.videos[0].file_names[-1] == f"{tmp_path.name}/frame11.png"


def test_images_of_one_name_in_several_folders_are_told_apart(tmp_path):
    for number, side in enumerate(("left", "right")):
        content = labelme_file([{}], imagePath=f"../{side}/7.jpg")
        (tmp_path / f"{number}.json").write_text(content)
    read = labelme.read(tmp_path, Sources())
    assert read.videos[0].file_names == ("left/7.jpg", "right/7.jpg")


@pytest.mark.parametrize("path", ["frames\\7.jpg", "", None])
def test_frames_are_named_like_their_files_where_images_do_not_tell_them_apart(tmp_path, path):
    for stem in ("7", "8"):
        (tmp_path / f"{stem}.json").write_text(labelme_file([dict(group_id=1)], imagePath=path))
    sources = Sources()
    read = labelme.read(tmp_path, sources)
    assert read.videos[0].file_names == (f"{tmp_path.name}/7.jpg", f"{tmp_path.name}/8.jpg")
    said = "several files have the imagePath 'frames\\\\7.jpg'; the frames of this video are named"
    assert [said in note for note in sources.notes] == [True] * bool(path)


def test_a_label_without_group_is_one_object_in_all_frames_and_that_is_noted(tmp_path):
    (tmp_path / "1.json").write_text(labelme_file([{}, dict(label="car"), dict(group_id=1)]))
    (tmp_path / "2.json").write_text(labelme_file([{}, dict(group_id=1)], imagePath="8.jpg"))
    sources = Sources()
    areas = [i.areas.tolist() for i in labelme.read(tmp_path, sources).instances]
    assert areas == [[12, 12], [12, 0], [12, 12]]
    assert sources.notes == [
        f"1 labels without group_id (first 'truck' in {tmp_path.name}) are taken as one object "
        "each in all frames of their video"
    ]


def test_written_files_name_their_images_from_where_they_lie(tmp_path):
    names = ["a/left/0.jpg", "a/right/0.jpg"]
    video = dict(id=4, width=2, height=2, length=2, file_names=names)
    document = dict(videos=[video], categories=[dict(id=1, name="x")], annotations=[])
    notes = labelme.write(tmp_path, from_document(document, "two folders"))
    written = [json.loads((tmp_path / f"video_4/0000{t}.json").read_text()) for t in (0, 1)]
    assert [w["imagePath"] for w in written] == ["../a/left/0.jpg", "../a/right/0.jpg"]
    assert "are written under numbers (video_4/00000.json is 'a/left/0.jpg'" in notes[0]
