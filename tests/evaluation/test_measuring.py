"""Ground truth and results from wherever Python code has them."""

import copy
import json
import pathlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.evaluation import evaluate
from ovis_jax.formats.errors import InputError
from tests.evaluation import naive
from tests.evaluation.scenes import random_scene
from tests.evaluation.tracks import annotations, instance, rectangle, result

SMALL = pathlib.Path(__file__).parents[1] / "recorded" / "golden" / "evaluation" / "small"
GT, RESULTS = (json.loads((SMALL / name).read_text()) for name in ("gt.json", "results.json"))


def test_ground_truth_may_be_the_contents_of_its_file():
    before = copy.deepcopy(GT)
    found = evaluate(GT, RESULTS)
    assert found.values == evaluate(SMALL / "gt.json", SMALL / "results.json").values
    assert GT == before


def test_contents_may_hold_numbers_of_numpy():
    truth = copy.deepcopy(GT)
    for video in truth["videos"]:
        video |= {"id": np.int64(video["id"]), "width": np.int32(video["width"])}
    for record in truth["annotations"]:
        record["areas"] = np.array([value or 0 for value in record["areas"]])
        record["iscrowd"] = np.bool_(record["iscrowd"])
        record["bboxes"] = tuple(map(np.array, record["bboxes"]))
    assert evaluate(truth, RESULTS).values == evaluate(GT, RESULTS).values


@pytest.mark.parametrize("key", ["videos", "categories", "annotations"])
def test_contents_without_a_key_are_bad_input(key):
    truth = {k: v for k, v in GT.items() if k != key}
    with pytest.raises(InputError, match=f"ground truth: {key}: missing"):
        evaluate(truth, RESULTS)


@pytest.mark.parametrize("truth", [None, 3, [], b"gt.json"])
def test_what_is_no_ground_truth_is_named(truth):
    with pytest.raises(InputError, match="ground truth: expected a path"):
        evaluate(truth, RESULTS)


def test_notes_say_what_was_dropped():
    more = [*RESULTS, RESULTS[0] | {"video_id": 10**6}, RESULTS[0] | {"category_id": 77}]
    found = evaluate(GT, more, ignore_unknown=["videos", "categories"])
    assert found.values == evaluate(GT, RESULTS).values
    assert "Dropped 1 tracks of 1 videos" in found.notes[0] and "77" in found.notes[1]
    assert evaluate(GT, more[:-1], ignore_unknown="videos").values == found.values
    with pytest.raises(InputError, match="ignore_unknown: expected some of videos, categories"):
        evaluate(GT, more, ignore_unknown=["frames"])


@settings(deadline=None, max_examples=10)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_same_track_twice_counts_like_any_other(seed):
    truth, tracks = random_scene(seed)
    random = np.random.default_rng(seed)
    for _ in range(6):
        again = tracks[random.integers(len(tracks))]
        tracks.insert(random.integers(len(tracks) + 1), again)
    metrics = evaluate(truth, tracks)
    precision, recall = naive.precision_and_recall(truth, tracks)
    np.testing.assert_allclose(metrics.precision, precision, rtol=0, atol=1e-12)
    np.testing.assert_allclose(metrics.recall, recall, rtol=0, atol=1e-12)


def test_only_tracks_that_are_the_same_in_everything_are_counted():
    one, other = rectangle(0, 0, 4, 4, frames=2), rectangle(1, 0, 4, 4, frames=2)
    truth = annotations([instance(1, one)], 2)
    empty = np.zeros_like(one)
    tracks = [
        result(one), result(one), result(other), result(one, 0.6), result(one, category=2),
        result(one, video=2), result(empty), result(empty), result(one),
    ]  # fmt: skip
    assert "2 of 9 tracks are the same as an earlier one" in evaluate(truth, tracks).notes[0]
    assert not evaluate(truth, tracks[2:6]).notes


def test_checked_tracks_of_more_videos_are_an_error_or_dropped():
    masks = rectangle(0, 0, 4, 4)
    truth = annotations([instance(1, masks)], 1)
    tracks = [result(masks, video=3), result(masks), result(masks, category=7)]
    with pytest.raises(InputError, match=r"results\[0\]: video_id: 3 is not in the annotations"):
        evaluate(truth, tracks)
    with pytest.raises(InputError, match=r"results\[2\]: category_id: 7 is not in the annotations"):
        evaluate(truth, tracks, ignore_unknown="videos")
    found = evaluate(truth, tracks, ignore_unknown=["videos", "categories"])
    assert found.values == evaluate(truth, tracks[1:2]).values and len(found.notes) == 2
    assert evaluate(truth, tracks[1:], class_agnostic=True).values["AP"] == pytest.approx(1)
