import json

import numpy as np
import pytest
from analysis import moving_boxes

from ovis_jax.analysis.missed_objects import MissedObjects
from ovis_jax.analysis.scenes import scenes
from ovis_jax.analysis.sections import Place

LEVELS = ("no_occlusion", "severe_occlusion")


def scene():
    """The first video has two objects, the second one; each is visible in all frames but one."""
    boxes = [[0, 0, 10, 10]], [[20, 0, 10, 10], [20, 0, 12, 10]], [[0, 0, 10, 10]] * 3
    objects = [
        {"category": category, "boxes": own, "occlusion": [level] * len(own)}
        for own, category, level in zip(boxes, (1, 2, 1), (*LEVELS, LEVELS[0]), strict=True)
    ]
    objects[0]["boxes"] = [*objects[0]["boxes"], None]
    objects[0]["occlusion"] = [LEVELS[0], None]
    videos = [
        {"frames": 2, "objects": objects[:2], "tracks": []},
        {"frames": 3, "objects": objects[2:], "tracks": []},
    ]
    return {"videos": videos}


def track(boxes, category):
    return {"category": category, "score": 0.5, "boxes": boxes}


def analysed(*first, second=()):
    """With tracks of the first and of the second video."""
    content = scene()
    content["videos"][0]["tracks"], content["videos"][1]["tracks"] = list(first), list(second)
    own = MissedObjects(moving_boxes.annotations({**content}))
    for video in scenes(moving_boxes.annotations(content), moving_boxes.results(content)):
        own.add(video)
    return own


WELL = track([[20, 0, 10, 10], [20, 0, 10, 10]], 2)
HALF = track([[0, 0, 10, 4], None], 1)
WRONG = track([[0, 0, 10, 10], None], 2)


def test_missed_objects_are_told_with_the_tracks_that_come_closest():
    (section,) = analysed(WELL, HALF, WRONG).sections()
    assert section.values["objects"] == 3
    first, last = section.values["missed"]
    assert (first["id"], first["video"], first["frames"]) == (101, "video1", 1)
    assert first["best_iou"] == pytest.approx(0.4) and first["best_iou_of_any_category"] == 1
    assert first["its_category_id"] == 2 and first["occlusion_groups"] == ["SO"]
    assert (last["id"], last["best_iou"], last["its_category_id"]) == (201, 0, None)
    rows = section.tables[1].rows  # longest first
    assert [row[0] for row in rows] == [Place("201", 2, 0), Place("101", 1, 0)]
    json.dumps(section.values, allow_nan=False)


def test_the_worst_video_stands_first():
    (section,) = analysed(WELL, HALF).sections()
    rows = section.tables[0].rows
    assert [row[1] for row in rows] == [2, 1]
    assert rows[1][2:] == [2, 2, 1, pytest.approx((0.4 + 200 / 220) / 2)]


def test_all_systems_miss_what_none_of_them_finds():
    perfect = track([[0, 0, 10, 10]] * 3, 1)
    systems = {
        "a": analysed(WELL, WRONG),
        "b": analysed(HALF, second=[perfect]),
    }
    (section,) = MissedObjects.comparison(systems, np.ones((1, 2), int))
    (missed,) = section.values["missed_by_all"]
    assert missed["id"] == 101 and missed["best_iou"] == pytest.approx(0.4)
    worst = section.tables[0].rows
    assert [row[1] for row in worst] == [1, 2]
    assert worst[0][5] == pytest.approx((0 + 0.4 + 200 / 220 + 0) / 4) and worst[1][5] == 0.5


def test_an_object_is_found_from_half_on():
    half = track([[0, 0, 10, 5], None], 1)
    (section,) = analysed(half).sections()
    assert [own["id"] for own in section.values["missed"]] == [102, 201]
