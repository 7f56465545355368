import json

import numpy as np

from ovis_jax.evaluation import match_details, match_results
from tests.evaluation.tracks import annotations, instance, rectangle, result


def details(truth, tracks):
    found = match_details(match_results(truth, tracks))
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return found


def test_tracks_and_objects_name_each_other():
    left, right = rectangle(0, 0, 4, 4), rectangle(8, 0, 4, 4)
    truth = annotations(
        [
            instance(7, left),
            instance(8, right, occlusion="severe_occlusion"),
            instance(9, right, video=2, category=2, occlusion=None),
        ],
        1,
    )
    tracks = [
        result(rectangle(0, 0, 1, 4), 0.9),
        result(rectangle(0, 0, 4, 3), 0.8),
        result(right, 0.7, video=2, category=2),
    ]
    found = details(truth, tracks)
    assert found["iou_threshold"] == 0.5
    assert [track["track"] for track in found["tracks"]] == [0, 1, 2]
    assert [track["ground_truth_id"] for track in found["tracks"]] == [None, 7, 9]
    assert [track["iou"] for track in found["tracks"]] == [None, 0.75, 1]
    assert found["tracks"][0]["best_ground_truth_id"] == 7
    assert found["tracks"][0]["best_iou"] == 0.25
    assert [found["tracks"][2][k] for k in ("video_id", "category_id", "score")] == [2, 2, 0.7]
    one, two, three = found["objects"]
    assert [one["id"], one["track"], one["iou"]] == [7, 1, 0.75]
    assert [two["id"], two["track"], two["iou"]] == [8, None, None]
    assert one["occlusion_groups"] == ["SO"] and two["occlusion_groups"] == ["HO"]
    assert one["area_groups"] == ["small"] and one["average_area"] == 16
    assert [three["track"], three["occlusion_score"], three["occlusion_groups"]] == [2, None, []]


def test_a_track_that_overlaps_with_nothing_names_nothing():
    truth = annotations([instance(1, rectangle(0, 0, 2, 2))], 1)
    (track,) = details(truth, [result(rectangle(8, 8, 2, 2))])["tracks"]
    assert track["best_ground_truth_id"] is None and track["best_iou"] is None


def test_of_several_tracks_on_a_crowd_the_surest_is_named():
    masks = rectangle(0, 0, 4, 4)
    truth = annotations([instance(1, masks, crowd=True)], 1)
    found = details(truth, [result(masks, 0.1), result(masks, 0.9)])
    assert found["objects"][0]["track"] == 1
    assert [track["ground_truth_id"] for track in found["tracks"]] == [1, 1]


def test_tracks_beyond_the_hundred_surest_of_a_group_are_left_out():
    masks = rectangle(0, 0, 4, 4)
    tracks = [result(masks, score) for score in np.linspace(0, 1, 103).tolist()]
    found = details(annotations([], 1), tracks)["tracks"]
    assert sorted(track["track"] for track in found) == list(range(3, 103))
