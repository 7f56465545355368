import copy
import os
import pathlib

import numpy as np
import pytest
from formats.changed_contents import set_value

from ovis_jax.formats import rle
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.documents import to_document
from ovis_jax.formats.errors import InputError

_CLIPS = pathlib.Path(
    os.environ.get(
        "OVIS_JAX_CLIPS", pathlib.Path(__file__).resolve().parents[3] / "shared/data/real_clips"
    )
)


def test_reading_tells_of_every_object(contents, write):
    seen = []
    load_annotations(write(contents), lambda: seen.append("object"))
    assert len(seen) == 3


def test_records_are_those_of_the_file(contents, write):
    annotations = load_annotations(write(contents))
    assert [(v.id, v.width, v.height, v.length) for v in annotations.videos] == [
        (7, 6, 4, 3),
        (2, 6, 4, 2),
    ]
    assert annotations.videos[1].file_names == ("b/0", "b/1")
    assert [(c.id, c.name) for c in annotations.categories] == [(3, "Cat"), (5, "Dog")]
    assert annotations.has_ground_truth
    assert [i.id for i in annotations.instances] == [10, 11, 12]
    assert [i.id for i in annotations.instances_of(7)] == [10, 12]
    first = annotations.instances[0]
    assert (first.video_id, first.category_id, first.iscrowd) == (7, 5, False)
    np.testing.assert_array_equal(first.boxes[[0, 2]], [[1, 1, 2, 2]] * 2)
    assert np.isnan(first.boxes[1]).all()
    np.testing.assert_array_equal(first.areas, [4, 0, 4])
    assert first.occlusion == ("no_occlusion", None, "no_occlusion")
    assert first.rle(0) == contents["annotations"][0]["segmentations"][0]
    assert first.mask(1) is None and first.rle(1) is None
    np.testing.assert_array_equal(
        first.mask(2), [[0] * 6, [0, 1, 1, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0] * 6]
    )


def test_the_list_of_a_video_can_be_changed_without_harm(contents, write):
    annotations = load_annotations(write(contents))
    annotations.instances_of(7).clear()
    assert len(annotations.instances_of(7)) == 2


def test_annotations_null_means_no_ground_truth(contents, write):
    contents["annotations"] = None
    annotations = load_annotations(write(contents))
    assert not annotations.has_ground_truth
    assert len(annotations.instances) == 0
    assert annotations.instances_of(7) == []


def test_no_annotations_are_a_ground_truth_without_objects(contents, write):
    contents["annotations"] = []
    assert load_annotations(write(contents)).has_ground_truth


def test_absent_fields_follow_from_the_masks(contents, write):
    for field in ("iscrowd", "areas", "bboxes", "occlusion"):
        set_value(contents, f"annotations 0 {field}", ...)
    instance = load_annotations(write(contents)).instances[0]
    assert instance.iscrowd is False
    assert instance.occlusion is None
    np.testing.assert_array_equal(instance.areas, [4, 0, 4])
    np.testing.assert_array_equal(instance.boxes, [[1, 1, 2, 2], [np.nan] * 4, [1, 1, 2, 2]])


@pytest.mark.parametrize(
    "segmentation",
    [
        [[1, 1, 3, 1, 3, 3, 1, 3]],
        [[1, 1, 2, 1, 2, 3, 1, 3], [2, 1, 3, 1, 3, 3, 2, 3]],
        {"size": [4, 6], "counts": [5, 2, 2, 2, 13]},
        {"size": [4, 6], "counts": [5, 1, 0, 1, 2, 2, 0, 0, 13]},
        {"size": [4, 6], "counts": "5220;"},
    ],
)
def test_masks_may_be_polygons_or_runs(contents, write, segmentation):
    expected = rle.decode(contents["annotations"][0]["segmentations"][0])
    set_value(contents, "annotations 0 segmentations 1", segmentation)
    set_value(contents, "annotations 0 areas", ...)
    instance = load_annotations(write(contents)).instances[0]
    np.testing.assert_array_equal(instance.mask(1), expected)
    assert instance.areas[1] == 4
    assert rle.check_rle(instance.rle(1), 4, 6) is None


def test_an_empty_list_of_polygons_is_no_mask(contents, write):
    set_value(contents, "annotations 0 segmentations 0", [])
    assert load_annotations(write(contents)).instances[0].rle(0) is None


def test_compressed_runs_of_length_zero_are_joined(contents, write):
    split = {"size": [4, 6], "counts": _compress([5, 1, 0, 1, 17])}
    set_value(contents, "annotations 0 segmentations 0", split)
    found = load_annotations(write(contents)).instances[0].rle(0)
    assert found == rle.from_uncompressed({"size": [4, 6], "counts": [5, 2, 17]})


def _compress(runs):
    """Compressed counts, every run written as it is (the definition, one number at a time)."""
    text = ""
    for i, run in enumerate(runs):
        number = run - runs[i - 2] if i > 2 else run
        more = True
        while more:
            digit, number = number & 31, number >> 5
            more = number != (-1 if digit & 16 else 0)
            text += chr(48 + digit + 32 * more)
    return text


@pytest.mark.parametrize("path", ["bboxes", "areas", "iscrowd", "occlusion"])
def test_null_is_as_good_as_absent(contents, write, path):
    one, other = copy.deepcopy(contents), copy.deepcopy(contents)
    set_value(one, f"annotations 0 {path}", None)
    set_value(other, f"annotations 0 {path}", ...)
    null, absent = (load_annotations(write(c)).instances[0] for c in (one, other))
    np.testing.assert_array_equal(null.boxes, absent.boxes)
    np.testing.assert_array_equal(null.areas, absent.areas)
    assert (null.iscrowd, null.occlusion) == (absent.iscrowd, absent.occlusion)


@pytest.mark.parametrize("value", [None, ...])
def test_the_length_of_a_video_follows_from_its_file_names(contents, write, value):
    set_value(contents, "videos 0 length", value)
    assert load_annotations(write(contents)).videos[0].length == 3
    set_value(contents, "videos 0 file_names", value)
    with pytest.raises(InputError, match=r"\(id 7\): length: missing, and so are file_names"):
        load_annotations(write(contents))


@pytest.mark.parametrize("value", [None, ...])
def test_file_names_are_missed_only_where_frames_are_read(contents, write, tmp_path, value):
    set_value(contents, "videos 1 file_names", value)
    annotations = load_annotations(write(contents))
    assert annotations.videos[1].file_names == () and annotations.videos[1].length == 2
    with pytest.raises(InputError, match=r"videos\[1\] \(id 2\): file_names: missing"):
        annotations.check_frames(tmp_path)


def test_backslashes_of_windows_part_folders(contents, write, tmp_path):
    names = ["a\\0", "a\\1", "a\\2"]
    set_value(contents, "videos 0 file_names", names)
    annotations = load_annotations(write(contents))
    assert annotations.videos[0].file_names == ("a/0", "a/1", "a/2")
    for name in ("a/0", "a/1", "a/2", "b/0", "b/1"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    annotations.check_frames(tmp_path)


def test_frames_that_were_unpacked_with_backslashes_are_pointed_out(contents, write, tmp_path):
    annotations = load_annotations(write(contents))
    for name in ("a\\0", "a\\1", "a\\2", "b\\0", "b\\1"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="5 of 5 .*a file named .* is there; expected the folder"):
        annotations.check_frames(tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "annotations.json",
        "annotations_extra_categories.json",
        "annotations_ovis_recovered.json",
        "annotations_sav_000001_no_frames.json",
    ],
)
def test_areas_and_boxes_of_real_files_are_those_of_their_masks(name):
    if not (_CLIPS / name).is_file():
        pytest.skip(f"no {name}")
    for instance in load_annotations(_CLIPS / name).instances:
        np.testing.assert_array_equal(instance.areas, instance.segmentations.areas())
        visible = instance.areas > 0
        np.testing.assert_allclose(
            instance.boxes[visible], instance.segmentations.boxes()[visible], atol=1
        )
        frame = int(np.argmax(instance.areas))
        assert instance.mask(frame).sum() == instance.areas[frame]


def test_a_video_may_say_which_of_its_frames_are_annotated(contents, write):
    assert [v.annotated_frames for v in load_annotations(write(contents)).videos] == [None, None]
    contents["videos"][0]["annotated_frames"] = [2, 0]
    annotations = load_annotations(write(contents))
    first, second = annotations.videos
    assert first.annotated_frames == (0, 2) and first.is_annotated().tolist() == [True, False, True]
    assert second.is_annotated().all()
    document = to_document(annotations)
    assert document["videos"][0]["annotated_frames"] == [0, 2]
    assert "annotated_frames" not in document["videos"][1]


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([0], "segmentations, frame 2: a mask, but annotated_frames of video 7 lacks this frame"),
        ([0, 0, 2], "annotated_frames: 0 is there twice"),
        ([0, 3], r"annotated_frames\[1\]: expected at most 2, is 3"),
        ([0, "2"], r"annotated_frames\[1\]: expected a whole number"),
        (3, "annotated_frames: expected a list, is a number"),
    ],
)
def test_annotated_frames_that_make_no_sense_are_named(frames, message, contents, write):
    contents["videos"][0]["annotated_frames"] = frames
    with pytest.raises(InputError, match=message):
        load_annotations(write(contents))
