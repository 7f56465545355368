import dataclasses

import numpy as np
import pytest
from analysis import moving_boxes
from evaluation.scenes import random_scene
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.analysis.group_precision import score_groups
from ovis_jax.analysis.scene_overlaps import scene_overlaps
from ovis_jax.analysis.scenes import scenes
from ovis_jax.analysis.trait_groups import TraitGroups
from ovis_jax.evaluation import evaluate
from ovis_jax.evaluation.groups import OCCLUSION_RANGES, within_occlusion
from ovis_jax.evaluation.objects import objects_by_category
from ovis_jax.evaluation.occlusion import occlusion_score
from ovis_jax.formats.annotations import Category


def overlaps(truth, tracks):
    """By category id, of all videos."""
    found = {}
    for scene in scenes(truth, tracks):
        for (category, video), own in scene_overlaps(scene).items():
            found.setdefault(category, []).append((video, own))
    return found


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_occlusion_groups_score_as_the_evaluator_scores_them(seed):
    truth, tracks = random_scene(seed)
    metrics = evaluate(truth, tracks).values
    members = {
        own.id: within_occlusion(np.array([occlusion_score(own.occlusion)]))[:, 0]
        for own in truth.instances
    }
    found = score_groups(objects_by_category(truth, 1), overlaps(truth, tracks), members)
    for place, level in enumerate(OCCLUSION_RANGES):
        names = ("AP", "AR100") if level == "all" else (f"AP_{level}", f"AR_{level}")
        for name, value in zip(names, (found.ap[place], found.ar[place]), strict=True):
            assert (-1 if np.isnan(value) else value) == pytest.approx(metrics[name]), name


def test_tracks_on_objects_of_other_groups_are_not_wrong():
    boxes = [[[0, 0, 8, 8]] * 2, [[20, 20, 8, 8]] * 2]
    objects = [{"category": 1, "boxes": own, "occlusion": None} for own in boxes]
    found = [{"category": 1, "boxes": own, "score": 0.5} for own in boxes]
    scene = {"videos": [{"frames": 2, "objects": objects, "tracks": found}]}
    truth = moving_boxes.annotations(scene)
    members = {101: np.array([True, False, False]), 102: np.array([False, True, False])}
    own = score_groups(
        objects_by_category(truth, 1), overlaps(truth, moving_boxes.results(scene)), members
    )
    np.testing.assert_allclose(own.ap, [1, 1, np.nan])
    assert own.objects.tolist() == [1, 1, 0]


def test_tracks_of_a_category_without_objects_count_nowhere():
    box = [[0, 0, 8, 8]] * 2
    objects = [{"category": 1, "boxes": box, "occlusion": None}]
    tracks = [{"category": kind, "boxes": box, "score": 0.5} for kind in (1, 2)]
    scene = {"videos": [{"frames": 2, "objects": objects, "tracks": tracks}]}
    truth = moving_boxes.annotations(scene)
    assert len(truth.categories) == 2
    own = score_groups(
        objects_by_category(truth, 1),
        overlaps(truth, moving_boxes.results(scene)),
        {101: np.array([True])},
    )
    assert own.ap == pytest.approx([1]) and own.objects.tolist() == [1]


def analysed(scene, tracks=None):
    truth = moving_boxes.annotations(scene)
    own = TraitGroups(truth)
    for video in scenes(truth, moving_boxes.results(scene) if tracks is None else tracks):
        own.add(video)
    return own


def test_one_more_category_of_no_object_changes_no_number():
    scene = moving_boxes.random_scene(5)
    truth = moving_boxes.annotations(scene)
    more = dataclasses.replace(truth, categories=(*truth.categories, Category(99, "unicorn")))
    found, wanted = (
        score_groups(
            objects_by_category(own, 1),
            overlaps(own, moving_boxes.results(scene)),
            {instance.id: np.array([True]) for instance in own.instances},
        )
        for own in (more, truth)
    )
    assert 99 in objects_by_category(more, 1)
    np.testing.assert_array_equal([found.ap, found.ar], [wanted.ap, wanted.ar])


def test_every_object_is_in_one_group_of_each_trait():
    scene = moving_boxes.random_scene(5)
    (section,) = analysed(scene).sections()
    num_objects = sum(len(video["objects"]) for video in scene["videos"])
    counts = {}
    for own in section.values["groups"]:
        counts[own["trait"]] = counts.get(own["trait"], 0) + own["objects"]
    assert counts["length"] == counts["size"] == counts["crowding"] == num_objects
    assert all(len(row) == len(section.tables[0].columns) for row in section.tables[0].rows)


def test_systems_stand_side_by_side():
    scene = moving_boxes.random_scene(5)
    systems = {"full": analysed(scene), "empty": analysed(scene, [])}
    (section,) = TraitGroups.comparison(systems, np.ones((1, 2), int))
    assert set(section.values["AP"]["empty"]) == {0.0}
    assert max(section.values["AP"]["full"]) > 0
    assert [column.name for column in section.tables[0].columns][-2:] == ["full", "empty"]


def test_without_videos_there_are_no_groups():
    (section,) = TraitGroups(
        moving_boxes.annotations({"videos": [{"frames": 1, "objects": [], "tracks": []}]})
    ).sections()
    assert section.values == {"groups": []}
