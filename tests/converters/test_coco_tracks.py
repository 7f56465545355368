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
from ovis_jax.converters.sources import Sources
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
        ("annotations", 0, dict(track_id=[5]), r"annotations\[0\]: track_id: expected a number"),
        ("annotations", 1, dict(track_id="5"), r"annotations\[1\]: track_id: numbers and strings"),
        ("annotations", 0, dict(image_id="11"), r"annotations\[0\]: image_id: '11' is not in"),
        ("images", 1, dict(video_id="4"), "images: video_id: numbers and strings"),
        ("images", 1, dict(id=""), r"images\[1\]: id: expected a number or a string"),
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


def plain_document(names, **fields):
    """One object in every image, without anything that says which video an image is of."""
    flat = [value for point in SQUARE for value in point]
    images = [
        dict(id=k, file_name=name, width=WIDTH, height=HEIGHT) for k, name in enumerate(names)
    ]
    annotations = [
        dict(id=k, image_id=k, category_id=2, segmentation=[flat], **fields)
        for k in range(len(names))
    ]
    return dict(images=images, annotations=annotations, categories=[dict(id=2, name="car")])


@pytest.mark.parametrize("field", ["track_id", "instance_id"])
def test_tracks_under_attributes_and_frames_without_numbers_are_read(tmp_path, field):
    names = [f"frame_{number}.PNG" for number in (10, 9, 2)]
    attributes = {"occluded": False, "keyframe": True, field: 0}
    sources = Sources()
    document = plain_document(names, attributes=attributes)
    read = coco_tracks.read(write_coco(tmp_path, document), sources)
    assert [video.file_names for video in read.videos] == [tuple(reversed(names))]
    assert [instance.areas.tolist() for instance in read.instances] == [[12, 12, 12]]
    assert read.instances[0].occlusion is None
    assert len(sources.notes) == 1 and "without video_id: all of them are one" in sources.notes[0]


def test_folders_are_videos_where_no_ids_say_so_and_tracks_stay_within_them(tmp_path):
    names = ["take 10/1.jpg", "take 9/2.jpg", "take 9/1.jpg"]
    sources = Sources()
    read = coco_tracks.read(write_coco(tmp_path, plain_document(names, track_id=1)), sources)
    assert [video.file_names for video in read.videos] == [
        ("take 9/1.jpg", "take 9/2.jpg"), ("take 10/1.jpg",)]  # fmt: skip
    lengths = {instance.video_id: len(instance.segmentations) for instance in read.instances}
    assert len(read.instances) == 2 and lengths == {1: 2, 2: 1}
    assert "each of the 2 folders" in sources.notes[0]


def test_folders_may_be_named_with_backslashes(tmp_path):
    names = ["v\\2.jpg", "v\\1.jpg", "w\\1.jpg"]
    read = coco_tracks.read(write_coco(tmp_path, plain_document(names, track_id=1)), Sources())
    assert [video.file_names for video in read.videos] == [
        ("v/1.jpg", "v/2.jpg"), ("w/1.jpg",)]  # fmt: skip


def test_ids_may_be_strings_and_videos_are_then_numbered_in_their_order(tmp_path):
    document = plain_document(["1.jpg", "2.jpg", "3.jpg"])
    for image, video in zip(document["images"], ("take 10", "take 9", "take 10"), strict=True):
        image |= dict(id=f"image {image['id']}", video_id=video)
    for entry in document["annotations"]:
        entry |= dict(image_id=f"image {entry['image_id']}", track_id="car a")
    sources = Sources()
    read = coco_tracks.read(write_coco(tmp_path, document), sources)
    assert [(v.id, v.file_names) for v in read.videos] == [
        (1, ("2.jpg",)), (2, ("1.jpg", "3.jpg"))]  # fmt: skip
    assert [(i.video_id, i.areas.tolist()) for i in read.instances] == [(2, [12, 12]), (1, [12])]
    assert "video_id is a string; videos are numbered" in sources.notes[0]


def test_optional_fields_that_are_null_are_as_if_they_were_absent(tmp_path):
    document = plain_document(["1.jpg", "2.jpg"], track_id=None, attributes=dict(track_id=3))
    for image in document["images"]:
        image |= dict(video_id=None, frame_id=None, frame_index=None)
    read = coco_tracks.read(write_coco(tmp_path, document), Sources())
    assert [i.areas.tolist() for i in read.instances] == [[12, 12]]


@pytest.mark.parametrize("nothing", [None, []])
def test_objects_that_are_boxes_without_masks_are_refused_or_passed_over(tmp_path, nothing):
    document = plain_document(["1.jpg", "2.jpg"], track_id=1, bbox=[2, 1, 4, 3])
    document["annotations"][1]["segmentation"] = nothing
    sources = Sources()
    read = coco_tracks.read(write_coco(tmp_path, document), sources)
    assert read.instances[0].areas.tolist() == [12, 0]
    assert "annotations[1]: the first of 1 annotations (of 2) without a mask" in sources.notes[1]
    document["annotations"][0]["segmentation"] = nothing
    path = write_coco(tmp_path, document)
    with pytest.raises(InputError, match=r"annotations\[0\]: segmentation: empty.*--skip-shapes"):
        coco_tracks.read(path, Sources())
    assert len(coco_tracks.read(path, Sources(skip_shapes=True)).instances) == 1


def test_frames_of_tao_are_ordered_by_their_index(tmp_path):
    document = plain_document(["v/frame0031.jpg", "v/frame0001.jpg"], track_id=7)
    document["videos"] = [dict(id=3, name="train/v", width=WIDTH, height=HEIGHT)]
    document["tracks"] = [dict(id=7, category_id=2, video_id=3)]
    for image, index in zip(document["images"], (30, 0), strict=True):
        image |= dict(video_id=3, frame_index=index, video="train/v")
    sources = Sources()
    read = coco_tracks.read(write_coco(tmp_path, document), sources)
    assert read.videos[0].id == 3 and not sources.notes
    assert read.videos[0].file_names == ("v/frame0001.jpg", "v/frame0031.jpg")


@pytest.mark.parametrize(
    "names, message",
    [
        (["a/1.jpg", "b/1.jpg"], "video 5: images .* order is in doubt"),
        (["1.jpg", "01.jpg"], "which frame comes first, 01.jpg or 1.jpg"),
        (["1.jpg", "1.jpg"], "same file_name"),
    ],
)
def test_an_order_that_is_in_doubt_is_refused(tmp_path, names, message):
    document = plain_document(names, track_id=1)
    for image in document["images"]:
        image["video_id"] = 5
    with pytest.raises(InputError, match=message):
        coco_tracks.read(write_coco(tmp_path, document), Sources())


@pytest.mark.parametrize(
    "number, change, message",
    [
        (1, dict(video_id=2), r"images\[0\]: video_id: missing"),
        (1, dict(frame_id=2), r"images\[0\]: frame_id: missing"),
        (0, dict(file_name=None), r"images\[0\]: file_name: expected a string"),
    ],
)
def test_what_some_images_say_all_must(tmp_path, number, change, message):
    document = plain_document(["1.jpg", "2.jpg"], track_id=1)
    document["images"][number].update(change)
    with pytest.raises(InputError, match=message):
        coco_tracks.read(write_coco(tmp_path, document), Sources())


def test_a_category_that_changes_within_a_track_is_named_with_the_other(tmp_path):
    document = plain_document(["1.jpg", "2.jpg"], track_id=1)
    document["annotations"][1]["category_id"] = 3
    with pytest.raises(InputError, match=r"annotations\[1\]: category_id: 3, .* track 2"):
        coco_tracks.read(write_coco(tmp_path, document), Sources())


@pytest.mark.parametrize("flags", [(1, 0), (0, 1), (None, 1)])
def test_crowds_of_some_frames_alone_are_refused_unless_crowds_are_objects(tmp_path, flags):
    document = plain_document(["1.jpg", "2.jpg"], track_id=1)
    for annotation, flag in zip(document["annotations"], flags, strict=True):
        annotation["iscrowd"] = flag
    path = write_coco(tmp_path, document)
    with pytest.raises(InputError, match=r"annotations\[1\]: iscrowd: .*--crowds-are-objects"):
        coco_tracks.read(path, Sources())
    assert len(coco_tracks.read(path, Sources(crowds_are_objects=True)).instances) == 1


def test_levels_of_occlusion_may_stand_under_attributes(tmp_path):
    attributes = dict(track_id=4, occlusion="slight_occlusion")
    document = plain_document(["1.jpg"], attributes=attributes)
    read = coco_tracks.read(write_coco(tmp_path, document), Sources())
    assert read.instances[0].occlusion == ("slight_occlusion",)


def test_objects_without_a_number_beside_others_are_in_one_frame_each_with_a_note(tmp_path):
    document = plain_document(["1.jpg", "2.jpg", "3.jpg", "4.jpg"], attributes=dict(track_id=0))
    for number in (1, 2):
        document["annotations"][number]["attributes"] = dict(occluded=False)
    sources = Sources()
    read = coco_tracks.read(write_coco(tmp_path, document), sources)
    areas = [instance.areas.tolist() for instance in read.instances]
    assert areas == [[12, 0, 0, 12], [0, 12, 0, 0], [0, 0, 12, 0]]
    assert "annotations[1]: the first of 2 annotations (of 4) without track_id" in sources.notes[1]


def test_scores_that_are_not_read_are_said(tmp_path):
    sources = Sources()
    coco_tracks.read(write_coco(tmp_path, plain_document(["1.jpg"], track_id=4, score=1)), sources)
    assert "scores are not read; they are taken as ground truth" in sources.notes[1]


def test_an_object_without_a_number_is_named(tmp_path):
    path = write_coco(tmp_path, plain_document(["1.jpg"], attributes=dict(occluded=True)))
    with pytest.raises(InputError, match=r"annotations\[0\]: track_id: missing.*attributes"):
        coco_tracks.read(path, Sources())
