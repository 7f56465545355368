"""Training data whose boxes contradict their masks, or whose objects are all marked as crowds."""

import json

import numpy as np
import pytest
from absl import logging
from tiny_coco import mixed_config
from tiny_ovis import write_tiny_ovis

from ovis_jax.data.samples import open_training_data
from ovis_jax.formats.errors import InputError

CAPACITY = 4


def rewrite(path, **changes):
    """Changes fields of all annotations; a function takes the old value."""
    document = json.loads(path.read_text())
    for annotation in document["annotations"]:
        for field, value in changes.items():
            annotation[field] = value(annotation[field]) if callable(value) else value
    path.write_text(json.dumps(document))


def as_corners(boxes):
    return [b and [b[0], b[1], b[0] + b[2], b[1] + b[3]] for b in boxes]


@pytest.fixture
def warnings(monkeypatch):
    lines = []
    monkeypatch.setattr(logging, "warning", lambda text, *values: lines.append(text))
    return lines


def test_boxes_with_two_corners_are_refused_and_can_be_drawn_around_the_masks(tmp_path):
    config = write_tiny_ovis(tmp_path)
    good = open_training_data(config, CAPACITY)
    rewrite(tmp_path / "annotations.json", bboxes=as_corners)
    with pytest.raises(InputError) as error:
        open_training_data(config, CAPACITY)
    text = str(error.value)
    assert "likely cause: written as x1, y1, x2, y2" in text
    assert "--config.data.boxes=masks" in text and "(clip1/00000.jpg)" in text
    config.boxes = "masks"
    mended = open_training_data(config, CAPACITY)
    for a, b in zip(good.index.videos, mended.index.videos, strict=True):
        np.testing.assert_array_equal(a.boxes, b.boxes)


def test_one_wrong_box_is_a_warning(tmp_path, warnings):
    config = write_tiny_ovis(tmp_path)
    document = json.loads((tmp_path / "annotations.json").read_text())
    document["annotations"][2]["bboxes"][3] = [0, 0, 2, 2]
    (tmp_path / "annotations.json").write_text(json.dumps(document))
    open_training_data(config, CAPACITY)
    assert "1 of 27 boxes" in warnings[0]
    assert "annotations[2] (id 3): bboxes, frame 3 (clip2/00003.jpg)" in warnings[1]


def test_a_choice_of_boxes_that_makes_no_sense_is_named(tmp_path):
    config = write_tiny_ovis(tmp_path)
    config.boxes = "polygons"
    with pytest.raises(InputError, match="config.data.boxes: expected 'file' or 'masks'"):
        open_training_data(config, CAPACITY)


def test_a_file_of_crowds_is_refused_and_can_be_taken_as_objects(tmp_path):
    config = write_tiny_ovis(tmp_path)
    rewrite(tmp_path / "annotations.json", iscrowd=1)
    with pytest.raises(InputError, match="all 6 objects are crowds") as error:
        open_training_data(config, CAPACITY)
    assert "--config.data.crowds_are_objects=True" in str(error.value)
    config.crowds_are_objects = True
    assert open_training_data(config, CAPACITY).num_samples == 15


def test_images_of_crowds_are_refused_and_can_be_taken_as_objects(tmp_path):
    config = mixed_config(tmp_path, 0.5)
    rewrite(tmp_path / "images" / "coco.json", iscrowd=1)
    with pytest.raises(InputError, match="coco.json: annotations: all .* objects are crowds"):
        open_training_data(config, CAPACITY)
    config.crowds_are_objects = True
    assert (
        open_training_data(config, CAPACITY).num_samples == 15 + 5
    )  # the fifth shows a crowd alone


def test_wrong_boxes_of_images_are_a_warning_since_masks_alone_are_used(tmp_path, warnings):
    config = mixed_config(tmp_path, 0.5)
    rewrite(tmp_path / "images" / "coco.json", bbox=lambda b: [*b[:2], b[0] + b[2], b[1] + b[3]])
    open_training_data(config, CAPACITY)
    assert "written as x1, y1, x2, y2" in warnings[0] and "not used" in warnings[-1]
