"""Errors that the page marks: what is missed, whose identity changes, whose class is wrong."""

import dataclasses

import pytest
from tiny_ovis import write_tiny_ovis
from visualization.viewer.systems import kept

from ovis_jax.formats.annotations import load_annotations
from ovis_jax.visualization.viewer.errors import find_errors


@pytest.fixture
def tiny(tmp_path):
    """Errors of records in video 1, made of its red object (frames 0 to 4) and its green one."""
    annotations = load_annotations(write_tiny_ovis(tmp_path).eval_annotations)
    video = annotations.videos[0]
    red, green = instances = annotations.instances_of(1)
    names = {category.id: category.name for category in annotations.categories}

    def record(instance, *frames, score=0.5, category=None):
        masks = [instance.rle(frame) for frame in range(video.length)]
        own = dict(video_id=1, category_id=category or instance.category_id, score=score)
        own["segmentations"] = masks
        return own | dict(segmentations=kept(own, *frames)) if frames else own

    def errors(*records, crowd=False):
        own = [dataclasses.replace(red, iscrowd=crowd), green] if crowd else instances
        found = find_errors(video, own, records, names)
        return [(error.kind, error.first, error.last, error.object) for error in found]

    return red, green, record, errors


def test_objects_are_missed_where_they_are_visible_and_nothing_shows_them(tiny):
    red, green, record, errors = tiny
    assert errors(record(red), record(green)) == []
    assert errors(record(red, 0, 3, 4), record(green)) == [("missed", 1, 2, 0)]
    assert errors(record(red)) == [("missed", 0, 0, 1), ("missed", 2, 4, 1)]  # hidden in frame 1


def test_an_identity_switches_in_the_frame_in_which_another_track_shows_the_object(tiny):
    red, green, record, errors = tiny
    halves = record(red, 0, 1), record(red, 2, 3, 4)
    assert errors(*halves, record(green)) == [("switch", 2, 2, 0)]
    gap = record(red, 0), record(red, 4)
    assert errors(*gap, record(green)) == [("missed", 1, 3, 0), ("switch", 4, 4, 0)]


def test_a_class_is_wrong_where_a_track_of_another_category_shows_the_object(tiny):
    red, green, record, errors = tiny
    assert errors(record(red, category=7), record(green)) == [("class", 0, 4, 0)]


def test_crowds_need_not_be_found(tiny):
    red, green, record, errors = tiny
    assert errors(record(green), crowd=True) == []
