import dataclasses
import json

import numpy as np
import pytest
from analysis import moving_boxes

from ovis_jax.analysis.association import Association
from ovis_jax.analysis.association_sums import measure_association
from ovis_jax.analysis.hota import tally_hota
from ovis_jax.analysis.identity import tally_identity
from ovis_jax.analysis.identity_switches import IdentitySwitches
from ovis_jax.analysis.occlusion_rows import FRAME_LEVELS, chosen_frames, frame_levels
from ovis_jax.analysis.occlusion_survival import OcclusionSurvival
from ovis_jax.analysis.scenes import scenes
from ovis_jax.evaluation.comparison import video_draws

ANALYSES = (Association, IdentitySwitches, OcclusionSurvival)


def analysed(kind, scene, tracks=None):
    truth = moving_boxes.annotations(scene)
    own = kind(truth)
    for video in scenes(truth, moving_boxes.results(scene) if tracks is None else tracks):
        own.add(video)
    return own


def values(kind, scene, tracks=None):
    (section,) = analysed(kind, scene, tracks).sections()
    return section.values


def perfect(scene):
    """The same scene with a track for every object."""
    videos = [
        {**video, "tracks": [{**own, "score": 0.9} for own in video["objects"]]}
        for video in scene["videos"]
    ]
    return {"videos": videos}


def one_object(labels, *tracks, boxes=None):
    """A video of one object; of each track the category, the score and the frames."""
    boxes = boxes or [[4, 4, 8, 8]] * len(labels)
    shown = [
        {
            "category": category,
            "score": score,
            "boxes": [box if frame in frames else None for frame, box in enumerate(boxes)],
        }
        for category, score, frames in tracks
    ]
    own = {"category": 1, "boxes": boxes, "occlusion": labels}
    return {"videos": [{"frames": len(labels), "objects": [own], "tracks": shown}]}


LABELS = ["no_occlusion"] * 2 + ["severe_occlusion"] * 2 + ["no_occlusion"] * 4


def test_tracks_of_categories_without_objects_are_surplus_and_nothing_else():
    scene = moving_boxes.random_scene(1)
    for video in scenes(moving_boxes.annotations(scene), moving_boxes.results(scene)):
        nothing, every = np.zeros(len(video.objects), bool), np.ones(len(video.tracks), bool)
        sums = measure_association(video, nothing, every)
        levels = frame_levels(video.levels[:, nothing])
        part = video.iou[:, nothing], video.has_object[:, nothing], video.has_track, levels
        chosen = chosen_frames(video.occlusion[nothing])
        tallies = (tally(*part, len(FRAME_LEVELS)) for tally in (tally_hota, tally_identity))
        for own, tallied in zip((sums.hota, sums.identity), tallies, strict=True):
            want = dataclasses.asdict(tallied.sums(chosen))
            for name, value in dataclasses.asdict(own).items():
                np.testing.assert_array_equal(value, want[name])
        assert sums.identity.wrong[0] == video.has_track.sum() > 0


def test_perfect_tracks_score_one_in_every_row_with_objects():
    found = values(Association, perfect(moving_boxes.random_scene(1, videos=4)))
    for table in ("within_categories", "across_categories"):
        for row in found[table].values():
            own = {name: value for name, value in row.items() if name != "frames"}
            assert row["frames"] == 0 or {v for v in own.values() if v is not None} == {1.0}
    assert found["best_hota"] == 1 and found["category_mean"]["IDF1"] == 1


def test_frames_of_each_level_have_numbers_of_their_own():
    found = values(Association, one_object(LABELS, (1, 0.9, {0, 1, 2, 4, 5, 6, 7})))
    rows = found["within_categories"]
    assert rows["severe_occlusion"]["frames"] == 2 and rows["no_occlusion"]["frames"] == 6
    assert rows["severe_occlusion"]["DetRe"] == 0.5 and rows["no_occlusion"]["DetRe"] == 1
    assert rows["slight_occlusion"]["AssA"] is None
    assert rows["severe_occlusion"]["HOTA"] is None  # nobody knows what is wrong there
    assert rows["all"]["AssA"] == pytest.approx(7 / 8)
    assert rows["all"]["frames"] == rows["MO"]["frames"] + rows["HO"]["frames"] == 8


def test_a_wrong_category_counts_only_within_categories():
    found = values(Association, one_object(LABELS, (2, 0.9, set(range(8)))))
    assert found["within_categories"]["all"]["HOTA"] == 0
    assert found["across_categories"]["all"]["HOTA"] == 1
    assert found["of_category"]["kind 2"]["HOTA"] is None  # of no object


def test_the_curve_leaves_out_tracks_with_lower_scores():
    scene = one_object(LABELS, (1, 0.85, set(range(8))), (1, 0.25, set(range(8))))
    (section,) = analysed(Association, scene).sections()
    curve = {line.label: dict(zip(line.x, line.y, strict=True)) for line in section.plots[0].lines}
    assert curve["DetA"] == {
        **dict.fromkeys((0.0, 0.1, 0.2), pytest.approx(0.5)),
        **dict.fromkeys((0.3, 0.4, 0.5, 0.6, 0.7, 0.8), 1.0),
        0.9: 0.0,
    }
    assert section.values["best_min_score"] == 0.3


def test_every_score_of_the_curve_is_what_fewer_tracks_score():
    scene = moving_boxes.random_scene(2, videos=3)
    (whole,) = analysed(Association, scene).sections()
    surer = [own for own in moving_boxes.results(scene) if own.score >= 0.5]
    fewer = values(Association, scene, surer)["within_categories"]["all"]
    row = next(row for row in whole.tables[3].rows if row[0] == 0.5)
    for column, value in zip(whole.tables[3].columns[1:], row[1:], strict=True):
        assert value == pytest.approx(fewer[column.name])


def test_switches_and_breaks_reach_the_table():
    scene = one_object(LABELS, (1, 0.9, {0, 1, 4}), (2, 0.8, {5, 7}))
    found = values(IdentitySwitches, scene)
    assert (found["all"]["switches"], found["all"]["breaks"]) == (1, 2)
    assert found["all"]["switches_per_100_matched_frames"] == pytest.approx(20)
    assert found["all"]["without_switch"] == 0
    assert found["severe_occlusion"]["matched_frames"] == 0
    assert found["severe_occlusion"]["without_switch"] is None


@pytest.mark.parametrize(
    ("tracks", "want"),
    [
        ([(1, 0.9, {0, 1, 4})], "survived"),
        ([(1, 0.9, {0, 1, 4}), (1, 0.8, {0, 1, 4})], "survived"),
        ([(1, 0.9, {0}), (1, 0.8, {4})], "switched"),
        ([(1, 0.9, {0, 1})], "lost"),
        ([(1, 0.9, {4})], "untracked"),
    ],
)
def test_survival_of_an_occlusion_is_known_by_hand(tracks, want):
    found = values(OcclusionSurvival, one_object(LABELS, *tracks))
    for severity in ("slight", "severe"):
        counts = {name: found[severity]["2"][name] for name in ("survived", "switched", "lost")}
        assert found[severity]["any"][want] == found[severity]["2"][want] == 1
        assert sum(counts.values()) == (want != "untracked")
    assert found["hidden"]["any"]["survival"] is None


def test_the_track_before_comes_first_though_another_one_overlaps_more_afterwards():
    scene = one_object(LABELS, (1, 0.9, {0, 1, 4, 5}), (1, 0.8, {4, 5, 6, 7}), (1, 0.7, {2, 3}))
    first, _, elsewhere = scene["videos"][0]["tracks"]
    first["boxes"] = [box and [box[0] + 1, *box[1:]] for box in first["boxes"]]
    elsewhere["boxes"] = [box and [30, 20, 8, 8] for box in elsewhere["boxes"]]
    found = values(OcclusionSurvival, scene)
    assert found["severe"]["2"]["survived"] == 1


def test_objects_without_labels_are_judged_by_their_areas_with_a_note():
    boxes = [[4, 4, 8, 8]] * 3 + [None] + [[4, 4, 8, 8]] * 4
    scene = one_object(LABELS, (1, 0.9, set(range(8))), boxes=boxes)
    scene["videos"][0]["objects"][0]["occlusion"] = None
    (section,) = analysed(OcclusionSurvival, scene).sections()
    assert section.values["hidden"]["1"]["survived"] == 1
    assert section.tables[0].note.startswith("Objects without occlusion labels: 1.")


@pytest.mark.parametrize("kind", ANALYSES)
def test_tables_are_as_wide_as_their_heads_and_values_are_json(kind):
    scene = moving_boxes.random_scene(3, videos=4)
    systems = {"a": analysed(kind, scene), "b": analysed(kind, scene, [])}
    found = [own for system in systems.values() for own in system.sections()]
    for section in found + kind.comparison(systems, video_draws(4, 20)):
        json.dumps(section.values, allow_nan=False)
        for table in section.tables:
            assert all(len(row) == len(table.columns) for row in table.rows), table.name


@pytest.mark.parametrize("kind", ANALYSES)
def test_systems_that_are_the_same_do_not_differ(kind):
    scene = moving_boxes.random_scene(3, videos=4)
    systems = {name: analysed(kind, scene) for name in "ab"}
    (section,) = kind.comparison(systems, video_draws(4, 20))
    for row in section.values["b"].values():
        assert row["difference"] in (0, None)
        assert row["difference_interval"] in ([0, 0], [None, None])


def test_intervals_hold_what_single_draws_score():
    scene = moving_boxes.random_scene(4, videos=3)
    twice = {"videos": [scene["videos"][0], scene["videos"][0], scene["videos"][2]]}
    systems = {name: analysed(Association, scene) for name in "ab"}
    (section,) = Association.comparison(systems, np.array([[2, 0, 1]]))
    want = values(Association, twice)["within_categories"]
    for name in ("HOTA", "DetA", "AssA", "IDF1"):
        assert section.values["a"][name]["interval"] == pytest.approx([want["all"][name]] * 2)
    assert section.values["a"]["HOTA_HO"]["interval"] == pytest.approx([want["HO"]["HOTA"]] * 2)


@pytest.mark.parametrize("kind", ANALYSES)
def test_no_video_and_no_object_are_no_error(kind):
    empty = {"videos": [{"frames": 2, "objects": [], "tracks": []}]}
    truth = moving_boxes.annotations(empty)
    unseen = kind(truth).sections()
    (section,) = analysed(kind, empty).sections()
    assert {own.title for own in unseen} <= {section.title}
    assert json.dumps(section.values, allow_nan=False) != "null"
