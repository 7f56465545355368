import re

import numpy as np
import pytest
from converters.cvat_documents import (
    POINTS,
    areas,
    cvat_file,
    document,
    entry,
    read_cvat,
    read_path,
    task,
    track,
)
from converters.squares import square_mask

from ovis_jax.formats.annotations import Category
from ovis_jax.formats.errors import InputError
from ovis_jax.tools import convert_annotations


@pytest.mark.parametrize("kind", ["task", "job"])
def test_cvat_tracks_are_visible_until_they_are_outside(tmp_path, kind):
    entries = entry(0), entry(1, outside=1), entry(3), entry(4)
    read = read_cvat(tmp_path, cvat_file(*entries, size=5, kind=kind))
    (instance,) = read.instances
    assert areas(instance) == [12, 0, 0, 12, 12]
    np.testing.assert_array_equal(instance.mask(3), square_mask())
    assert read.videos[0].file_names[1] == "clip/frame_000001.jpg"
    assert [c.name for c in read.categories] == ["dog", "car"] and instance.category_id == 2


def test_fields_that_say_nothing_of_masks_are_passed_over(tmp_path):
    inner = '<attribute name="colour">red</attribute><attribute name="occlusion">none</attribute>'
    shape = entry(2, inner=inner, points=POINTS, z_order=4, source="auto", occluded=1)
    (instance,) = read_cvat(tmp_path, cvat_file(shape)).instances
    assert areas(instance) == [0, 0, 12] and instance.occlusion is None


def test_occlusion_levels_are_those_of_the_entry_or_else_of_the_track(tmp_path):
    level = '<attribute name="occlusion">{}_occlusion</attribute>'.format
    own = entry(1, inner=level("slight")), entry(2)
    (instance,) = read_cvat(tmp_path, cvat_file(level("severe"), *own)).instances
    assert instance.occlusion == (None, "slight_occlusion", "severe_occlusion")


def test_labels_may_be_ids_where_the_file_declares_them(tmp_path):
    content = cvat_file(entry(2), label="17").replace("<name>car", "<id>17</id><name>car")
    read = read_cvat(tmp_path, content)
    assert [c.name for c in read.categories] == ["dog", "car"]
    assert read.instances[0].category_id == 2


def test_tracks_of_one_label_and_group_are_one_object(tmp_path):
    brush = dict(tag="mask", rle="0,4", width=2, height=2, top=0)
    meta, notes = task(4), []
    content = document(
        meta,
        track(entry(0, left=0, **brush), entry(1, outside=1, left=0, **brush), group_id=1),
        track(entry(1, left=4, **brush), entry(2, outside=1, left=4, **brush), group_id=1),
        track(entry(1, left=8, **brush), entry(2, outside=1, left=8, **brush), group_id=1),
        track(entry(1), entry(2, outside=1), group_id=1),
        track(entry(0), entry(1, outside=1), group_id=1, label="dog"),
        track(entry(0), entry(1, outside=1), group_id=0),
        track(entry(0), entry(1, outside=1)),
    )
    first, *others = read_cvat(tmp_path, content, notes=notes).instances
    assert areas(first) == [4, 4 + 4 + 12 - 1 * 2, 0, 0]  # two pixels belong to two parts
    assert [areas(other) for other in others] == [[12, 0, 0, 0]] * 3
    assert [other.category_id for other in others] == [1, 2, 2]
    (note,) = notes
    assert "clip.xml: 4 tracks are taken as 1 objects, since they share label and group_id" in note


def test_masks_without_a_group_are_objects_of_one_frame_with_a_note(tmp_path):
    brush = dict(tag="mask", rle="0,4", width=2, height=2, top=0, left=0)
    first, second = (track(entry(n, **brush), entry(n + 1, outside=1, **brush)) for n in (0, 1))
    notes = []
    read = read_cvat(tmp_path, document(task(), first, second), notes=notes)
    assert [areas(instance) for instance in read.instances] == [[4, 0, 0], [0, 4, 0]]
    assert "2 masks without group_id are taken as objects of one frame each" in notes[0]
    notes = []
    read_cvat(tmp_path, document(task(), first, first, track(entry(0), entry(1))), notes=notes)
    assert not any("group_id" in note for note in notes)


def test_a_track_that_ends_without_an_outside_entry_is_visible_as_it_stands(tmp_path):
    notes = []
    content = document(task(6), track(entry(0)), track(entry(1), entry(2)), track(entry(4)))
    read = read_cvat(tmp_path, content, notes=notes)
    assert [areas(i) for i in read.instances] == [
        [12, 0, 0, 0, 0, 0], [0, 12, 12, 0, 0, 0], [0, 0, 0, 0, 12, 0]]  # fmt: skip
    (note,) = notes  # CVAT itself leaves the last one open, in the last frame but one
    assert "2 tracks end without an entry that is outside (first track 0)" in note


@pytest.mark.parametrize("frame", [2, 3, 99])
def test_an_entry_that_closes_a_track_may_be_past_the_end(tmp_path, frame):
    notes = []
    read = read_cvat(tmp_path, cvat_file(entry(2), entry(frame + 1, outside=1)), notes=notes)
    assert areas(read.instances[0]) == [0, 0, 12] and not notes


def test_a_track_may_be_closed_twice(tmp_path):
    closing = entry(1, outside=1)
    read = read_cvat(tmp_path, cvat_file(entry(0), closing, closing))
    assert areas(read.instances[0]) == [12, 0, 0]


def test_entries_count_by_their_frame_not_by_their_place(tmp_path):
    read = read_cvat(tmp_path, cvat_file(entry(2, outside=1), entry(1), entry(0)))
    assert areas(read.instances[0]) == [12, 12, 0]


def test_cvat_for_images_is_refused_with_the_name_of_the_export_to_choose(tmp_path):
    shape = f'<polygon label="car" points="{POINTS}" group_id="1" occluded="0"></polygon>'
    image = f'<image id="0" name="frame_000000" width="12" height="8">{shape}</image>'
    with pytest.raises(InputError, match="CVAT for images 1.1 .2 images.*as CVAT for video 1.1"):
        read_cvat(tmp_path, document(task(), image, image))


def test_shapes_that_are_no_masks_are_counted_or_skipped(tmp_path, capsys):
    box, line = dict(tag="box", xtl=1, ytl=1, xbr=3, ybr=3), dict(tag="polyline", points=POINTS)
    skeleton = '<skeleton frame="0" keyframe="1"><points label="a" outside="0"/></skeleton>'
    away = '<skeleton frame="1" keyframe="1"><points label="a" outside="1"/></skeleton>'
    content = document(
        task(),
        track(entry(0), entry(1, outside=1)),
        track(entry(0, **box), entry(1, **box), entry(2, outside=1, **box)),
        track(entry(1, **line), entry(2, outside=1, **line)),
        track(skeleton, away),
        '<track label="car"></track>',
    )
    (tmp_path / "clip.xml").write_text(content)
    options = ["--from", "cvat", "--to", "ovis", "--input", str(tmp_path / "clip.xml")]
    options += ["--output", str(tmp_path / "out.json")]
    assert convert_annotations.main(options) == 2
    error = capsys.readouterr().err
    assert "track 1, frame 0: expected a polygon" in error
    assert "first of 4 shapes that are no masks (box: 2, polyline: 1, skeleton: 1)" in error
    assert "--skip-shapes" in error and error.count("\n") == 1
    assert convert_annotations.main([*options, "--skip-shapes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].endswith("1 videos, 1 objects") and "4 shapes" in lines[1]


def test_labels_that_are_no_given_category_are_named(tmp_path):
    with pytest.raises(InputError, match="label 'dog'"):
        read_cvat(tmp_path, cvat_file(entry(2)), categories=[Category(1, "cat")])


def test_two_files_of_one_video_are_refused(tmp_path):
    (tmp_path / "clip.zip").mkdir()
    for name in ("clip.xml", "clip.XML"):
        (tmp_path / name).write_text(cvat_file(entry(2)))
    (tmp_path / "clip.zip").rmdir()
    with pytest.raises(InputError, match="another file has a video 'clip'"):
        read_path(tmp_path)


@pytest.mark.parametrize(
    "content, message",
    [
        ("no xml", "not XML"),
        ('<?xml version="1.0" encoding="none"?><annotations/>', "not XML: unknown encoding"),
        ("<annotation><size/></annotation>", "expected the element annotations.*is annotation"),
        ("<annotations/>", "meta: missing"),
        (document("<dumped/>"), "meta/task: missing"),
        (cvat_file(entry(2)).replace("<size>3</size>", ""), "meta/task/size"),
        (cvat_file(entry(2)).replace("<width>12", "<width>x"), "original_size/width"),
        (cvat_file(entry(2)).replace("<width>12", "<width>0"), "original_size/width"),
        (cvat_file(entry(2)).replace("<width>12</width>", ""), "original_size/width"),
        (cvat_file(entry(2), size=10**12), "meta/task/size"),
        (cvat_file(entry(2), size=10**8), "meta/task/size"),
        (document(task(start_frame="x"), track(entry(2))), "meta/task/start_frame"),
        (cvat_file(entry(2)).replace('label="car"', ""), "track 0: label: missing"),
        (cvat_file(entry(3)), "track 0, frame 3: frame: expected 0 to 2"),
        (cvat_file(entry("x")), "track 0: frame: expected a whole number, is 'x'"),
        (cvat_file(entry(0), entry(2)), "frame 2: expected an entry for frame 1.*export it again"),
        (cvat_file(entry(1), entry(1)), "frame 1: two entries"),
        (cvat_file(entry(1), entry(1, outside=1)), "frame 1: two entries"),
        (cvat_file(entry(2, tag="box", xtl=1)), "frame 2: expected a polygon.*box: 1"),
        (cvat_file(entry(2, points="1,2;3")), "frame 2: points"),
        (cvat_file(entry(2, points="1,2;3,4;x,1")), "frame 2: points: expected x,y;x,y;"),
        (cvat_file(entry(2, points="1,2;3,4;nan,1")), "frame 2: points"),
        (cvat_file(entry(2, points="1,2,3;4;5,6")), "frame 2: points"),
    ],
)
def test_what_is_wrong_with_a_cvat_file_is_said_with_track_and_frame(tmp_path, content, message):
    with pytest.raises(InputError, match=f"clip.xml.*{message}") as caught:
        read_cvat(tmp_path, content)
    assert re.search(r"\n", str(caught.value)) is None
