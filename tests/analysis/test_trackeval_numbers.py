"""Numbers of TrackEval on the same scenes; `recorded/trackeval/make_cases.py` made them."""

import json
import pathlib

import numpy as np
import pytest
from analysis import moving_boxes

from ovis_jax.analysis.association_sums import association_numbers, measure_association
from ovis_jax.analysis.frame_matching import match_frames
from ovis_jax.analysis.hota import score_hota
from ovis_jax.analysis.identity import score_identity
from ovis_jax.analysis.scenes import scenes
from ovis_jax.analysis.sums import add_up
from ovis_jax.analysis.switches import tally_switches
from ovis_jax.evaluation import evaluate

FILE = pathlib.Path(__file__).parents[1] / "recorded" / "trackeval" / "cases.json"
CASES = json.loads(FILE.read_text())["cases"]
HOTA = ("HOTA", "DetA", "AssA", "LocA", "DetRe", "DetPr", "AssRe", "AssPr", "OWTA")
IDENTITY = ("IDF1", "IDP", "IDR")


@pytest.fixture(params=CASES, ids=lambda case: f"scene {case['seed']}")
def case(request):
    """Ground truth, tracks, and what TrackEval says."""
    scene = request.param["scene"]
    return (
        moving_boxes.annotations(scene),
        moving_boxes.results(scene),
        request.param["trackeval"],
    )


def sums_of_categories(truth, tracks):
    """Category name in TrackEval's file → sums over the videos."""
    found = {f"kind{own.id}": [] for own in truth.categories}
    for scene in scenes(truth, tracks):
        for own in truth.categories:
            objects = scene.object_categories == own.id
            part = measure_association(scene, objects, scene.track_categories == own.id)
            found[f"kind{own.id}"].append(part)
    return {name: add_up(own) for name, own in found.items()}


def numbers(sums):
    """Name → numbers of all frames; those of HOTA at each threshold."""
    hota, identity = score_hota(sums.hota), score_identity(sums.identity)
    return {name: getattr(hota, name.lower())[0] for name in HOTA} | {
        name: getattr(identity, name.lower())[0] for name in IDENTITY
    }


def test_hota_and_idf1_of_each_category_are_those_of_trackeval(case):
    truth, tracks, want = case
    for category, sums in sums_of_categories(truth, tracks).items():
        for name, value in numbers(sums).items():
            np.testing.assert_allclose(value, want[category][name], atol=1e-9, err_msg=name)


def test_sums_over_categories_are_what_trackeval_averages_over_detections(case):
    truth, tracks, want = case
    sums = add_up(list(sums_of_categories(truth, tracks).values()))
    reported = association_numbers(sums)
    for name, value in numbers(sums).items():
        expected = want["cls_comb_det_av"][name]
        np.testing.assert_allclose(value, expected, atol=1e-9, err_msg=name)
        np.testing.assert_allclose(reported[name][0], np.mean(expected), atol=1e-9, err_msg=name)


def test_means_over_categories_are_what_trackeval_averages_over_classes(case):
    truth, tracks, want = case
    found = [association_numbers(own) for own in sums_of_categories(truth, tracks).values()]
    for name in HOTA + IDENTITY:
        mean = np.mean([own[name][0] for own in found])
        np.testing.assert_allclose(mean, np.mean(want["cls_comb_cls_av"][name]), atol=1e-9)


def test_switches_are_those_of_trackeval(case):
    truth, tracks, want = case
    for category in truth.categories:
        switches = matched = 0
        for scene in scenes(truth, tracks):
            objects = scene.object_categories == category.id
            own = scene.track_categories == category.id
            has_object = scene.has_object[:, objects]
            found = match_frames(
                scene.iou[:, objects][:, :, own], has_object, scene.has_track[:, own]
            )
            tally = tally_switches(found, has_object, np.zeros(found.shape, int), 1)
            switches, matched = switches + tally.switches.sum(), matched + tally.matched.sum()
        assert switches == want[f"kind{category.id}"]["switches"]
        assert matched == want[f"kind{category.id}"]["matched"]


def test_track_map_is_that_of_trackeval(case):
    truth, tracks, want = case
    metrics = evaluate(truth, tracks, "ytvis")
    for place, category in enumerate(metrics.categories):
        expected = want[f"kind{category.id}"]
        precision = metrics.curves.precision[place, 0, 0, -1].mean(axis=1)
        np.testing.assert_allclose(precision, expected["AP"], atol=1e-9)
        np.testing.assert_allclose(
            metrics.curves.recall[place, 0, 0, -1], expected["AR"], atol=1e-9
        )


def test_something_is_recorded():
    assert len(CASES) >= 5 and sum(case["trackeval"]["kind1"]["switches"] for case in CASES) > 3
