"""All categories as one; the naive evaluator is told so in advance."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.evaluation import evaluate, match_details, match_results
from ovis_jax.formats.annotations import Category
from tests.evaluation import naive
from tests.evaluation.scenes import random_scene
from tests.evaluation.tracks import annotations, instance, rectangle, result


def pooled(truth, tracks):
    """The same scene in one category, sorted by the category before (the official order)."""

    def renamed(records):
        ordered = sorted(records, key=lambda record: record.category_id)
        return [dataclasses.replace(record, category_id=1) for record in ordered]

    one = dataclasses.replace(
        truth, categories=(Category(1, "any"),), instances=renamed(truth.instances)
    )
    return one, renamed(tracks)


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32 - 1), ties=st.booleans())
def test_curves_are_those_of_one_category(seed, ties):
    truth, tracks = random_scene(seed)
    if ties:
        tracks = [dataclasses.replace(track, score=round(track.score, 1)) for track in tracks]
    metrics = evaluate(truth, tracks, class_agnostic=True)
    precision, recall = naive.precision_and_recall(*pooled(truth, tracks))
    np.testing.assert_allclose(metrics.precision, precision, rtol=0, atol=1e-12)
    np.testing.assert_allclose(metrics.recall, recall, rtol=0, atol=1e-12)


def test_the_hundred_surest_tracks_of_a_video_count_whatever_their_category():
    masks = rectangle(0, 0, 4, 4)
    truth = annotations([instance(1, masks)], 1)
    wrong = [result(rectangle(8, 8, 2, 2), 0.9, category=1 + n % 2) for n in range(100)]
    tracks = [*wrong, result(masks, 0.1)]
    assert evaluate(truth, tracks).values["AR100"] == 1
    assert evaluate(truth, tracks, class_agnostic=True).values["AR100"] == 0


def test_numbers_and_matches_are_named_sensibly():
    left, right = rectangle(0, 0, 4, 4), rectangle(8, 0, 4, 4)
    truth = annotations([instance(1, left), instance(2, right, category=2)], 1)
    tracks = [result(left, 0.9), result(right, 0.8)]
    assert evaluate(truth, tracks).values["AP"] == pytest.approx(0.5)
    metrics = evaluate(truth, tracks, class_agnostic=True)
    assert metrics.values["AP"] == metrics.as_dict()["per_category"]["all categories"]
    assert metrics.values["AP"] == pytest.approx(1) and metrics.values["AR1"] == 0.5
    assert metrics.values["AP_SO"] == pytest.approx(1)
    found = match_details(match_results(truth, tracks, class_agnostic=True))
    assert [track["ground_truth_id"] for track in found["tracks"]] == [1, 2]
    assert [track["category_id"] for track in found["tracks"]] == [1, 1]
    assert [own["category_id"] for own in found["objects"]] == [1, 2]


def test_a_track_without_a_category_has_none_in_the_details():
    masks = rectangle(0, 0, 4, 4)
    track = result(masks, 0.9)
    record = {"video_id": 1, "score": 0.9, "segmentations": [track.segmentations[0]]}
    truth = annotations([instance(1, masks)], 1)
    found = match_details(match_results(truth, [record], class_agnostic=True))
    assert [track["category_id"] for track in found["tracks"]] == [None]
