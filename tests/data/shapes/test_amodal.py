"""Masks of whole objects: files beside the visible ones, with the fields of COCO Amodal."""

import dataclasses
import json

import numpy as np
import pytest
from data.shapes.small_set import SMALL, contents

from ovis_jax.data.shapes.generate import generate
from ovis_jax.data.shapes.rendering import render_frame
from ovis_jax.data.shapes.scene import draw_scene
from ovis_jax.formats import rle
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.coco_images import load_coco

AMODAL = dataclasses.replace(SMALL, amodal=True, stills=2, crossing=1.0, occluders=(2, 3))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("amodal") / "set"
    generate(folder, AMODAL)
    return folder


def test_nothing_else_of_the_data_set_changes(folder, tmp_path):
    generate(tmp_path / "without", dataclasses.replace(AMODAL, amodal=False))
    without, found = contents(tmp_path / "without"), contents(folder)
    added = {str(path) for path in found if path not in without}
    assert added == {"amodal_train.json", "amodal_valid.json", "amodal_stills.json"}
    changed = {str(path) for path in without if without[path] != found[path]}
    assert changed == {"parameters.json"}


def test_whole_objects_are_what_is_drawn_where_nothing_is_in_front(folder):
    document = json.loads((folder / "amodal_train.json").read_text())
    scene = draw_scene(np.random.default_rng([0, 0, 0]), AMODAL)
    for frame in range(SMALL.frames):
        crowd = render_frame(scene, frame, 128, 96, SMALL.motion_blur)
        seen = [own for own in document["annotations"] if own["video_id"] == 1]
        assert len(seen) == len(scene.objects)
        for number, own in enumerate(seen):
            alone = dataclasses.replace(scene, order=np.full((5, 1), number), occluders=[])
            want = render_frame(alone, frame, 128, 96, SMALL.motion_blur).owners == number
            if not want.any():
                assert own["segmentations"][frame] is None
                continue
            np.testing.assert_array_equal(rle.decode(own["segmentations"][frame]), want)
            visible = rle.decode(own["visible_masks"][frame])
            np.testing.assert_array_equal(visible, crowd.owners == number)
            hidden = rle.decode(own["invisible_masks"][frame])
            np.testing.assert_array_equal(visible + hidden, want)
            assert own["areas"][frame] == want.sum()
            assert abs(own["occlude_rates"][frame] - hidden.sum() / want.sum()) < 1e-4
            x, y, width, height = own["bboxes"][frame]
            assert want[y : y + height, x : x + width].sum() == want.sum()


@pytest.mark.parametrize("split", ["train", "valid"])
def test_the_files_speak_of_the_same_objects_and_are_annotations_themselves(folder, split):
    visible, whole = (
        load_annotations(folder / f"{name}_{split}.json") for name in ("annotations", "amodal")
    )
    assert [own.id for own in whole.instances] == [own.id for own in visible.instances]
    hidden = 0
    for part, all_of_it in zip(visible.instances, whole.instances, strict=True):
        assert part.category_id == all_of_it.category_id
        for frame in range(SMALL.frames):
            if part.areas[frame]:
                assert part.areas[frame] <= all_of_it.areas[frame]
            hidden += bool(all_of_it.areas[frame]) and not part.areas[frame]
    assert split == "valid" or hidden  # somebody is fully hidden for a while


def test_stills_have_one_of_each_field(folder):
    load_coco(folder / "amodal_stills.json")
    document = json.loads((folder / "amodal_stills.json").read_text())
    visible = json.loads((folder / "instances_stills.json").read_text())["annotations"]
    assert len(document["annotations"]) == len(visible)
    for own, part in zip(document["annotations"], visible, strict=True):
        assert own["visible_mask"] == part["segmentation"] and own["id"] == part["id"]
        areas = [int(rle.area([own[k]])[0]) for k in ("segmentation", "visible_mask")]
        assert own["area"] == areas[0]
        assert abs(own["occlude_rate"] - (1 - areas[1] / areas[0])) < 1e-4
