import json

import numpy as np
import pytest
from converters.squares import (
    HEIGHT,
    SQUARE,
    WIDTH,
    square_mask,
)

from ovis_jax.converters import labelme
from ovis_jax.converters.clips import Sources
from ovis_jax.formats.annotations import Category
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
    assert read.videos[0].file_names == (f"{tmp_path.name}/7.jpg",) * 2
    assert first.areas.tolist() == [24, 12] and second.areas.tolist() == [12, 0]
    np.testing.assert_array_equal(first.mask(1), square_mask())
    assert first.occlusion == (None, "severe_occlusion") and second.occlusion is None


def test_images_without_a_labelme_file_are_frames_without_objects(tmp_path):
    for name in ("6.jpg", "7.jpg", "8.jpg"):
        (tmp_path / "images/clip").mkdir(parents=True, exist_ok=True)
        (tmp_path / "images/clip" / name).touch()
    (tmp_path / "labels/clip").mkdir(parents=True)
    (tmp_path / "labels/clip/7.json").write_text(labelme_file([{}]))
    read = labelme.read(tmp_path / "labels", Sources(images=tmp_path / "images"))
    assert read.videos[0].length == 3 and read.instances[0].areas.tolist() == [0, 12, 0]


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
