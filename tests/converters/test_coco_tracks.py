import json

import numpy as np
import pytest
from converters.squares import (
    HEIGHT,
    SQUARE,
    WIDTH,
    square_mask,
)

from ovis_jax.converters import coco_tracks
from ovis_jax.converters.clips import Sources
from ovis_jax.formats.errors import InputError


def coco_document():
    """Two frames out of order, one object in both, one in the later frame."""
    size = dict(width=WIDTH, height=HEIGHT, video_id=4)
    flat = [value for point in SQUARE for value in point]
    images = [dict(id=11, file_name="b.jpg", frame_id=8, **size),
              dict(id=10, file_name="a.jpg", frame_id=7, **size)]  # fmt: skip
    shape = dict(category_id=2, segmentation=[flat], bbox=[2, 1, 4, 3], area=12)
    annotations = [dict(id=1, image_id=11, track_id=5, **shape),
                   dict(id=2, image_id=10, track_id=5, **shape),
                   dict(id=3, image_id=11, track_id=6, **shape)]  # fmt: skip
    categories = [dict(id=2, name="car")]
    return dict(info={}, images=images, annotations=annotations, categories=categories)


def write_coco(folder, document):
    path = folder / "coco.txt"
    path.write_text(json.dumps(document))
    return path


@pytest.mark.parametrize("field", ["track_id", "instance_id"])
def test_coco_frames_are_ordered_by_their_number_and_entries_joined_to_tracks(tmp_path, field):
    document = coco_document()
    for annotation in document["annotations"]:
        annotation[field] = annotation.pop("track_id")
    read = coco_tracks.read(write_coco(tmp_path, document), Sources())
    assert read.videos[0].id == 4 and read.videos[0].file_names == ("a.jpg", "b.jpg")
    assert [i.areas.tolist() for i in read.instances] == [[12, 12], [0, 12]]
    np.testing.assert_array_equal(read.instances[0].mask(0), square_mask())
    assert read.instances[0].occlusion is None


def test_boxes_that_some_entries_lack_are_those_of_the_masks(tmp_path):
    document = coco_document()
    del document["annotations"][0]["bbox"], document["annotations"][1]["area"]
    first = coco_tracks.read(write_coco(tmp_path, document), Sources()).instances[0]
    assert first.boxes.tolist() == [[2, 1, 4, 3]] * 2 and first.areas.tolist() == [12, 12]


@pytest.mark.parametrize(
    "part, number, change, message",
    [
        ("images", 1, dict(id=11), r"images\[1\]: id: 11 is there twice"),
        ("images", 1, dict(frame_id=8), "images, id 10: frame_id: 8|id 11: frame_id: 8"),
        ("images", 1, dict(frame_id=None), r"images\[1\]: frame_id"),
        ("images", 0, dict(width=9), "images, id 11: width"),
        ("annotations", 0, dict(image_id=9), r"annotations\[0\]: image_id: 9"),
        ("annotations", 0, dict(track_id="5"), r"annotations\[0\]: track_id"),
        ("annotations", 1, dict(category_id=3), r"annotations\[1\]: category_id: 3"),
        ("annotations", 2, dict(track_id=5), r"annotations\[2\]: track_id: 5 is twice in image 11"),
        ("annotations", 2, dict(segmentation="x"), "segmentations, frame 1"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_coco_file_is_said_with_entry_and_field(
    tmp_path, part, number, change, message
):
    document = coco_document()
    document[part][number].update(change)
    with pytest.raises(InputError, match=f"coco.txt.*({message})"):
        coco_tracks.read(write_coco(tmp_path, document), Sources())


@pytest.mark.parametrize("part", ["images", "categories", "annotations"])
def test_a_coco_file_needs_all_its_parts(tmp_path, part):
    document = coco_document()
    del document[part]
    with pytest.raises(InputError, match=f"coco.txt.*{part}"):
        coco_tracks.read(write_coco(tmp_path, document), Sources())
