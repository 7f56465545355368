"""Generated stills, alone and in the quickstart's training data: rows of the paper's Table 5."""

import dataclasses
import json
import pathlib

import cv2
import numpy as np
import pytest
from data.shapes.small_set import SMALL, contents

from configs import quickstart
from ovis_jax.data.mixed_data import MixedData
from ovis_jax.data.samples import open_training_data
from ovis_jax.data.shapes.classes import OUTLINES
from ovis_jax.data.shapes.generate import generate
from ovis_jax.data.shapes.parameters import ShapesParameters
from ovis_jax.formats.coco_images import load_coco
from ovis_jax.formats.errors import InputError

CAPACITY, FRAMES, STILLS = 12, 3, 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shapes") / "set"
    sizes = dict(frames=FRAMES, width=160, height=96, sizes=(34.0, 60.0))
    generate(folder, ShapesParameters(1, 0, stills=STILLS, **sizes))
    return folder


def clips_of(folder, row: dict):
    """The training data of a row of the table, and a clip of each of their samples."""
    config = quickstart.get_config().copy_and_resolve_references().unlock()
    config.data.train_annotations = str(folder / "annotations_train.json")
    config.data.train_images = str(folder / "train")
    config.data.pseudo_video.annotations = str(folder / "instances_stills.json")
    config.data.pseudo_video.images = str(folder / "stills")
    config.update_from_flattened_dict(row)
    data = open_training_data(config.data, CAPACITY)
    draws = [data.draw(0, number, number) for number in range(data.num_samples)]
    return data, [data.clip(draw) for draw in draws]


def objects_of(clips) -> int:
    return sum(int(clip.instances.valid[0].sum()) for clip in clips)


def test_stills_are_mixed_in_and_objects_of_others_pasted_over_theirs(folder):
    videos, clips = clips_of(folder, {})
    assert not isinstance(videos, MixedData) and len(clips) == FRAMES
    mixed, own = clips_of(folder, {"data.image_share": 0.35})
    assert mixed.batches_per_epoch(1) == 5  # three frames of videos and 35 % stills
    assert mixed.num_samples == FRAMES + STILLS and mixed.categories == videos.categories
    pasting = {"data.image_share": 0.35, "data.pseudo_video.pasting.probability": 1.0}
    _, pasted = clips_of(folder, pasting)
    for one, two in zip(clips, own, strict=False):  # clips of videos stay
        np.testing.assert_array_equal(one.frames, two.frames)
    stills = own[FRAMES:]
    assert all(clip.instances.valid.any(axis=-1).all() for clip in stills)
    labels = {n for clip in stills for n in clip.instances.labels[clip.instances.valid].tolist()}
    assert labels <= set(range(5)) and len(labels) > 1
    assert any((clip.frames[0] != clip.frames[1]).any() for clip in stills)
    assert objects_of(pasted[FRAMES:]) > objects_of(stills)


def test_stills_are_annotated_images_beside_the_same_videos(tmp_path):
    generate(tmp_path / "less", SMALL)
    generate(tmp_path / "more", dataclasses.replace(SMALL, stills=3))
    more, videos = contents(tmp_path / "more"), contents(tmp_path / "less")
    added = {path for path in more if path not in videos}
    names = {f"stills/0000{number}.jpg" for number in (1, 2, 3)}
    assert {str(path) for path in added} == names | {"instances_stills.json"}
    changed = {str(path) for path in videos if more[path] != videos[path]}
    assert changed == {"parameters.json"}  # those without stills do not speak of them
    assert "stills" not in json.loads(videos[pathlib.Path("parameters.json")])

    stills = load_coco(tmp_path / "more" / "instances_stills.json")
    stills.check_frames(tmp_path / "more" / "stills")
    assert [category.name for category in stills.categories] == list(OUTLINES)
    pictures = [
        cv2.imread(str(tmp_path / "more" / "stills" / v.file_names[0])) for v in stills.videos
    ]
    assert {picture.shape for picture in pictures} == {(SMALL.height, SMALL.width, 3)}
    assert not np.array_equal(pictures[0], pictures[1])
    for video in stills.videos:
        objects = stills.instances_of(video.id)
        masks = np.array([own.mask(0) for own in objects], int)
        assert len(objects) >= 1 and masks.sum(axis=0).max() == 1
        assert [own.areas[0] for own in objects] == masks.sum(axis=(1, 2)).tolist()


def test_a_set_of_stills_alone_needs_no_video(tmp_path):
    one, two = (
        dataclasses.replace(SMALL, train_videos=0, valid_videos=0, stills=n) for n in (1, 2)
    )
    generate(tmp_path / "one", one)
    generate(tmp_path / "two", two)
    first = "stills/00001.jpg"
    assert (tmp_path / "one" / first).read_bytes() == (tmp_path / "two" / first).read_bytes()
    with pytest.raises(InputError, match="made with other stills"):
        generate(tmp_path / "two", one)
