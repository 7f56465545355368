import dataclasses

import numpy as np
import pytest

from ovis_jax.analysis.scenes import scenes
from ovis_jax.evaluation import match_results
from tests.analysis.pixels import masks
from tests.evaluation import tracks
from tests.evaluation.scenes import random_scene


@pytest.mark.parametrize("seed", range(4))
def test_overlaps_are_those_of_the_pixels(seed):
    truth, results = random_scene(seed)
    for scene in scenes(truth, results):
        for kind, areas, shared in (
            (scene.objects, scene.object_areas, scene.shared),
            (scene.crowds, scene.crowd_areas, scene.crowd_shared),
        ):
            for g, instance in enumerate(kind):
                own = masks(instance.segmentations)
                np.testing.assert_array_equal(areas[:, g], own.sum((1, 2)))
                for p, track in enumerate(scene.tracks):
                    both = (own & masks(track.segmentations)).sum((1, 2))
                    np.testing.assert_array_equal(shared[:, g, p], both)
        for p, track in enumerate(scene.tracks):
            np.testing.assert_array_equal(
                scene.track_areas[:, p], masks(track.segmentations).sum((1, 2))
            )


def test_tubes_overlap_as_the_evaluator_measures():
    truth, results = random_scene(5)
    measured = match_results(truth, results).overlaps
    seen = 0
    for scene in scenes(truth, results):
        for (category, video), own in measured.items():
            if video == scene.video.id:
                rows = [g for g, i in enumerate(scene.objects) if i.category_id == category]
                columns = [scene.entries.tolist().index(entry) for entry in own.entries]
                whole = [i for i in truth.instances_of(video) if i.category_id == category]
                kept = [k for k, i in enumerate(whole) if not i.iscrowd]
                expected = own.iou[:, kept].T
                np.testing.assert_array_equal(scene.tube_iou[np.ix_(rows, columns)], expected)
                seen += expected.size
    assert seen > 10


def test_every_video_comes_once_with_its_surest_tracks_first():
    truth, results = random_scene(1)
    shown = list(scenes(truth, results))
    assert [scene.video.id for scene in shown] == [1, 2]
    assert sorted(entry for scene in shown for entry in scene.entries) == list(range(len(results)))
    for scene in shown:
        assert (np.diff(scene.scores) <= 0).all()
        assert [results[entry] for entry in scene.entries] == list(scene.tracks)


def test_equal_scores_keep_the_order_of_the_file():
    truth, results = random_scene(1)
    same = [dataclasses.replace(track, score=0.5) for track in results]
    for scene in scenes(truth, same):
        assert (np.diff(scene.entries) > 0).all()


def test_crowds_are_no_objects_and_unlabelled_frames_have_no_level():
    levels = ("no_occlusion", None, "severe_occlusion")
    box = tracks.rectangle(1, 1, 4, 4, frames=3)
    objects = [
        tracks.instance(1, box, crowd=True),
        tracks.instance(2, box, occlusion=levels),
        tracks.instance(3, box, occlusion=None),
    ]
    scene, empty = scenes(tracks.annotations(objects, 3), [])
    assert [i.id for i in scene.objects] == [2, 3] and [i.id for i in scene.crowds] == [1]
    np.testing.assert_array_equal(scene.levels, [[0, -1], [-1, -1], [2, -1]])
    assert scene.shared.shape == (3, 2, 0) and empty.shared.shape == (3, 0, 0)
