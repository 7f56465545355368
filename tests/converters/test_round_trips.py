import json
import pathlib
import tempfile

import numpy as np
import pytest
from converters.random_clips import (
    CATEGORIES,
    random_annotations,
    random_names,
    tracks,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.converters import (
    coco_tracks,
    cvat_video,
    labelme,
    ovis,
)
from ovis_jax.converters.outlines import from_points, joined, outlines
from ovis_jax.converters.sources import Sources
from ovis_jax.converters.written_names import video_names
from ovis_jax.formats import rle
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.documents import from_document, to_document
from ovis_jax.tools.convert_annotations import READERS, WRITERS

SEEDS = st.integers(0, 2**32)
LOST = {  # what a round trip does not keep
    "davis": dict(categories=False, levels=False),
    "mots": dict(levels=False),
    "cvat": dict(names=False),
}
WITHOUT_ENDS = ("mots-txt",)  # does not say how long a video is: test_mots_text
# Every other format that is read and written: (read, write, what is lost).
FORMATS = {
    kind: (read, WRITERS[kind], LOST.get(kind, {}))
    for kind, read in READERS.items()
    if kind in WRITERS and kind not in WITHOUT_ENDS
}


@pytest.mark.parametrize("kind", FORMATS)
@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_what_a_format_has_a_place_for_comes_back(kind, seed):
    read, write, lost = FORMATS[kind]
    annotations = random_annotations(seed)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "written"
        notes = write(path, annotations)
        categories = None if kind == "davis" else annotations.categories
        back = read(path, Sources(categories=categories))
    assert tracks(back, **lost) == tracks(annotations, **lost)
    assert bool(lost) == any("not kept" in note for note in notes) or not annotations.instances


def videos_of(annotations):
    """Frames in their order and masks of every video, in any order of videos and objects."""
    found = []
    for video in annotations.videos:
        objects = [
            str([instance.rle(frame) for frame in range(video.length)])
            for instance in annotations.instances_of(video.id)
        ]
        found.append((video.file_names, sorted(objects)))
    return sorted(found)


@pytest.mark.parametrize("with_images", [False, True])
@pytest.mark.parametrize("kind", ["davis", "mots", "labelme"])
@settings(deadline=None, max_examples=10)
@given(SEEDS)
def test_frames_come_back_in_order_whatever_their_names_are(kind, with_images, seed):
    read, write, _ = FORMATS[kind]
    annotations = random_annotations(seed, random_names, most_frames=13)
    names = {name for video in annotations.videos for name in video.file_names}
    with tempfile.TemporaryDirectory() as folder:
        path, images = pathlib.Path(folder) / "written", pathlib.Path(folder) / "a/b/images"
        images.mkdir(parents=True)
        with_images = with_images and not any(name.startswith(("/", "..")) for name in names)
        folders = {str(folder) for name in names for folder in pathlib.PurePath(name).parents}
        with_images = with_images and not names & folders  # no name is a file and a folder
        for name in names if with_images else ():
            (images / name).parent.mkdir(parents=True, exist_ok=True)
            (images / name).touch()
        write(path, annotations)
        written = [file for file in path.rglob("*") if file.is_file()]
        assert len({str(file).casefold() for file in written}) == len(written)
        back = read(path, Sources(images=images if with_images else None))
    assert videos_of(back) == videos_of(annotations)


@settings(deadline=None, max_examples=25)
@given(SEEDS)
def test_documents_and_annotations_are_the_same_thing(seed):
    document = to_document(random_annotations(seed))
    again = to_document(from_document(json.loads(json.dumps(document)), "again"))
    assert again == document
    for record in document["annotations"]:
        for mask, box, area in zip(record["segmentations"], record["bboxes"], record["areas"],
                                   strict=True):  # fmt: skip
            assert (mask is None) == (box is None) == (area is None)
            assert mask is None or area == rle.area([mask])[0]


@pytest.mark.parametrize("write", [ovis.write, coco_tracks.write])
def test_files_without_ground_truth_stay_so(tmp_path, write):
    document = to_document(random_annotations(1)) | {"annotations": None}
    write(tmp_path / "a.json", from_document(document, "none"))
    read = ovis.read if write is ovis.write else coco_tracks.read
    assert not read(tmp_path / "a.json", Sources()).has_ground_truth


def test_labels_are_numbered_where_no_categories_are_given(tmp_path):
    drawn = map(random_annotations, range(50))
    annotations = next(a for a in drawn if {i.category_id for i in a.instances} == {3, 8})
    labelme.write(tmp_path / "a", annotations)
    cvat_video.write(tmp_path / "b", annotations)
    names = sorted(category["name"] for category in CATEGORIES)
    for read, folder in ((labelme.read, "a"), (cvat_video.read, "b")):
        back = read(tmp_path / folder, Sources())
        assert sorted(category.name for category in back.categories) == names
        assert [category.id for category in back.categories] == [1, 2]


@settings(deadline=None, max_examples=300)
@given(SEEDS)
def test_outlines_fill_to_the_mask_they_were_drawn_around(seed):
    rng = np.random.default_rng(seed)
    height, width = rng.integers(1, 15, 2)
    mask = rng.random((height, width)) < rng.random()
    polygons = outlines(mask)
    if not mask.any():
        assert polygons == []
        return
    whole = rle.decode(from_points(joined(polygons), height, width))
    np.testing.assert_array_equal(whole, mask)
    parts = [rle.decode(from_points(polygon, height, width)) for polygon in polygons]
    np.testing.assert_array_equal(np.sum(parts, axis=0), mask)


def test_a_frame_of_a_picture_is_one_outline_with_a_hole():
    mask = np.ones((6, 8), bool)
    mask[2:4, 2:5] = False
    (polygon,) = outlines(mask)
    assert set(polygon) == {(0, 0), (8, 0), (8, 6), (0, 6), (2, 2), (5, 2), (5, 4), (2, 4)}


def test_videos_are_named_like_the_folder_of_their_frames_unless_that_is_ambiguous():
    def video(number, *names):
        size = dict(id=number, width=4, height=4, length=len(names), file_names=list(names))
        return size

    videos = [video(1, "a/0.jpg", "a/1.jpg"), video(2, "b/0.jpg"), video(3, "b/1.jpg"),
              video(4, "c/0.jpg", "d/1.jpg"), video(5, "0.jpg"), video(6, "x/y/0.jpg"),
              video(7, "../0.jpg")]  # fmt: skip
    document = dict(videos=videos, categories=CATEGORIES, annotations=[])
    names = video_names(from_document(document, "names").videos)
    assert names == ["a", *(f"video_{number}" for number in range(2, 8))]


def test_crowds_are_kept_by_coco_alone_and_the_others_say_so(tmp_path):
    document = to_document(random_annotations(2))
    document["annotations"][0]["iscrowd"] = 1
    annotations = from_document(document, "crowd")
    for kind, (read, write, lost) in FORMATS.items():
        notes = write(tmp_path / kind, annotations)
        back = read(tmp_path / kind, Sources(categories=None if kind == "davis" else
                                             annotations.categories))  # fmt: skip
        kept = kind in ("ovis", "coco")
        assert any("crowds" in note for note in notes) != kept
        assert len(back.instances) == len(annotations.instances) - (not kept)
        if kept:
            assert tracks(back, **lost) == tracks(annotations, **lost)


def test_written_files_are_read_by_the_loader_of_this_repository(tmp_path):
    annotations = random_annotations(3)
    ovis.write(tmp_path / "a.json", annotations)
    assert tracks(load_annotations(tmp_path / "a.json")) == tracks(annotations)
