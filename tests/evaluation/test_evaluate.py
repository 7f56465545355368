import dataclasses
import json
import pathlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.evaluation import evaluate, format_categories, format_table
from ovis_jax.formats.annotations import Category
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.results import TrackResult
from tests.evaluation import naive
from tests.evaluation.scenes import random_scene
from tests.evaluation.tracks import annotations, instance, rectangle, result


@settings(deadline=None, max_examples=15)
@given(seed=st.integers(0, 2**32 - 1), ties=st.booleans())
def test_curves_follow_the_rules(seed, ties):
    truth, tracks = random_scene(seed)
    if ties:
        tracks = [dataclasses.replace(track, score=round(track.score, 1)) for track in tracks]
    metrics = evaluate(truth, tracks)
    precision, recall = naive.precision_and_recall(truth, tracks)
    np.testing.assert_allclose(metrics.precision, precision, rtol=0, atol=1e-12)
    np.testing.assert_allclose(metrics.recall, recall, rtol=0, atol=1e-12)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_perfect_results_have_precision_and_recall_of_one(seed):
    truth, _ = random_scene(seed)
    wanted = [track for track in truth.instances if not track.iscrowd]
    scores = np.random.default_rng(seed).random(len(wanted))
    perfect = [
        TrackResult(i.video_id, i.category_id, float(s), i.segmentations)
        for i, s in zip(wanted, scores, strict=True)
    ]
    values = evaluate(truth, perfect).as_dict()
    assert values["AP"] == pytest.approx(1 if wanted else -1, abs=1e-9)
    assert values["AR100"] == pytest.approx(1 if wanted else -1, abs=1e-9)
    assert all(v == pytest.approx(1, abs=1e-9) or v == -1 for v in values["per_category"].values())


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_results_does_not_matter_without_equal_scores(seed):
    truth, tracks = random_scene(seed)
    shuffled = [tracks[i] for i in np.random.default_rng(seed).permutation(len(tracks))]
    one, other = evaluate(truth, tracks), evaluate(truth, shuffled)
    np.testing.assert_array_equal(one.precision, other.precision)
    np.testing.assert_array_equal(one.recall, other.recall)


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_the_order_of_videos_and_categories_does_not_matter(seed):
    truth, tracks = random_scene(seed)
    names = {1: 7, 2: 3}  # also turns the order of the ids around
    renamed = dataclasses.replace(
        truth,
        videos=tuple(dataclasses.replace(v, id=names[v.id]) for v in truth.videos),
        categories=tuple(
            sorted((Category(names[c.id], c.name) for c in truth.categories), key=lambda c: c.id)
        ),
        instances=[renumbered(i, names) for i in truth.instances],
    )
    one = evaluate(truth, tracks)
    other = evaluate(renamed, [renumbered(track, names) for track in tracks])
    assert one.values == pytest.approx(other.values, abs=1e-12)
    assert one.as_dict()["per_category"] == pytest.approx(other.as_dict()["per_category"])


def renumbered(record, names: dict[int, int]):
    return dataclasses.replace(
        record, video_id=names[record.video_id], category_id=names[record.category_id]
    )


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_worthless_track_of_the_lowest_score_never_raises_ap(seed):
    truth, tracks = random_scene(seed)
    worthless = result(rectangle(15, 11, 1, 1, frames=3), -1.0, video=1, category=1)
    before, after = evaluate(truth, tracks), evaluate(truth, [*tracks, worthless])
    assert (after.precision <= before.precision).all()


@settings(deadline=None, max_examples=50)
@given(seed=st.integers(0, 2**32 - 1))
def test_a_lower_threshold_never_lowers_ap(seed):
    truth, tracks = random_scene(seed)
    precision = evaluate(truth, tracks).precision[:, :, :, 0, 0, -1]  # [thresholds, points, K]
    assert (np.diff(precision.mean(axis=1), axis=0) <= 1e-12).all()


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_only_the_order_of_scores_matters(seed):
    truth, tracks = random_scene(seed)
    moved = [dataclasses.replace(track, score=track.score**3 * 1e6 - 5) for track in tracks]
    np.testing.assert_array_equal(
        evaluate(truth, tracks).precision, evaluate(truth, moved).precision
    )


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**32 - 1))
def test_ytvis_is_the_same_without_occlusion(seed):
    truth, tracks = random_scene(seed)
    ovis, ytvis = evaluate(truth, tracks), evaluate(truth, tracks, "ytvis")
    np.testing.assert_array_equal(ovis.precision[..., :1, :], ytvis.precision)
    np.testing.assert_array_equal(ovis.recall[..., :1, :], ytvis.recall)
    assert ytvis.as_dict().items() <= ovis.as_dict().items()


def test_without_results_metrics_are_zero_or_without_ground_truth_minus_one():
    truth = annotations([instance(1, rectangle(0, 0, 4, 4))], 1)
    metrics = evaluate(truth, [])
    values = metrics.as_dict()
    assert values["AP"] == values["AR100"] == values["AP_small"] == values["AP_SO"] == 0
    assert values["AP_large"] == values["AP_HO"] == values["AR_MO"] == -1
    assert values["per_category"] == {"kind 1": 0, "kind 2": -1}
    assert "no track" in format_table(metrics)


def test_without_objects_everything_is_minus_one():
    metrics = evaluate(annotations([], 1), [result(rectangle(0, 0, 4, 4))])
    values = metrics.as_dict()
    assert set(values.pop("per_category").values()) == {-1} == set(values.values())
    assert "no object" in format_table(metrics)


def test_objects_without_labels_leave_no_groups_by_occlusion():
    masks = rectangle(0, 0, 4, 4)
    objects = [instance(n, masks, video=n, occlusion=None) for n in (1, 2)]
    metrics = evaluate(annotations(objects, 1), [result(masks)])
    values = metrics.as_dict()
    assert values["AP_SO"] == values["AP_MO"] == values["AP_HO"] == values["AR_SO"] == -1
    assert values["AR100"] == pytest.approx(0.5)
    assert "2 of 2 objects" in format_table(metrics)


def test_crowds_need_no_occlusion_levels():
    masks = rectangle(0, 0, 4, 4)
    objects = [instance(1, masks), instance(2, masks, crowd=True, occlusion=None)]
    metrics = evaluate(annotations(objects, 1), [result(masks)])
    assert metrics.as_dict()["AP_SO"] == pytest.approx(1)
    assert not metrics.notes


def test_an_object_without_any_level_is_in_no_group_by_occlusion():
    objects = [
        instance(1, rectangle(0, 0, 4, 4)),
        instance(2, rectangle(8, 0, 4, 4), occlusion=(None,)),
    ]
    metrics = evaluate(annotations(objects, 1), [result(rectangle(8, 0, 4, 4))])
    values = metrics.as_dict()
    assert values["AR100"] == pytest.approx(0.5) and values["AR_SO"] == 0
    assert "1 of 2 objects" in format_table(metrics)


def test_an_object_with_the_id_zero_counts_and_is_noted():
    masks = rectangle(0, 0, 4, 4)
    metrics = evaluate(annotations([instance(0, masks)], 1), [result(masks)])
    assert metrics.as_dict()["AP"] == pytest.approx(1)
    assert "id 0" in format_table(metrics)


def test_categories_of_one_name_are_told_apart():
    truth = annotations([], 1)
    same = tuple(dataclasses.replace(c, name="cat") for c in truth.categories)
    values = evaluate(dataclasses.replace(truth, categories=same), []).as_dict()
    assert set(values["per_category"]) == {"cat (id 1)", "cat (id 2)"}


def test_records_are_checked_and_evaluated():
    masks = rectangle(0, 0, 4, 4)
    truth, track = annotations([instance(1, masks)], 1), result(masks, 0.5)
    record = {"video_id": 1, "category_id": 1, "score": 0.5}
    record["segmentations"] = [track.segmentations[0]]
    assert evaluate(truth, [record]).as_dict() == evaluate(truth, [track]).as_dict()
    with pytest.raises(InputError, match="video_id"):
        evaluate(truth, [record | {"video_id": 7}])


def test_annotations_without_ground_truth_and_unknown_data_sets_are_errors():
    truth = annotations([], 1)
    with pytest.raises(InputError, match="gt.json: annotations: null"):
        evaluate(dataclasses.replace(truth, has_ground_truth=False), [])
    with pytest.raises(ValueError, match="coco"):
        evaluate(truth, [], "coco")


def test_the_table_shows_points_and_dashes():
    masks = rectangle(0, 0, 4, 4)
    metrics = evaluate(annotations([instance(1, masks)], 1), [result(masks)])
    names, numbers, *_ = format_table(metrics).splitlines()
    assert dict(zip(names.split(), numbers.split()[1:], strict=True))["AP"] == "100.0"
    rows = {line.split(",")[0]: line.split()[-2:] for line in format_table(metrics).splitlines()}
    assert rows["small"] == ["100.0", "100.0"] and rows["large"] == ["-", "-"]
    first, second = format_categories(metrics).splitlines()[1:]
    assert first.split()[:3] == ["kind", "1", "100.0"] and second.split()[2] == "-"


def test_of_a_large_vocabulary_only_categories_with_objects_are_listed():
    masks = rectangle(0, 0, 4, 4)
    truth = annotations([instance(1, masks, category=77)], 1, categories=range(1, 1197))
    truth = dataclasses.replace(
        truth, categories=tuple(Category(c.id, c.name + "!" * 70) for c in truth.categories)
    )
    metrics = evaluate(truth, [result(masks, category=77), result(masks, category=5)], "ytvis")
    head, row, rest = format_categories(metrics).splitlines()
    assert row.startswith("kind 77!!") and row.split()[2] == "100.0"
    assert len(row) == len(head) < 100  # the columns stand below their names
    assert rest == "(1195 categories without objects are left out)"


def test_evaluation_needs_neither_jax_nor_tensorflow():
    code = (
        "import sys, ovis_jax.tools.evaluate_results; "
        "sys.exit(bool({'jax', 'flax', 'tensorflow'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_paths_are_read_and_evaluated(tmp_path):
    video = {"id": 1, "width": 2, "height": 2, "length": 1, "file_names": ["a.jpg"]}
    track = {"video_id": 1, "category_id": 3, "score": 1.0}
    track["segmentations"] = [{"size": [2, 2], "counts": "13"}]
    truth = {"videos": [video], "categories": [{"id": 3, "name": "cat"}]}
    truth["annotations"] = [track | {"id": 1}]
    for name, content in (("gt.json", truth), ("results.json", [track])):
        (tmp_path / name).write_text(json.dumps(content))
    for kind in (str, pathlib.Path):
        metrics = evaluate(kind(tmp_path / "gt.json"), kind(tmp_path / "results.json"))
        assert metrics.as_dict()["AP"] == pytest.approx(1)


def test_the_tables_leave_out_groups_of_occlusion_where_nothing_is_labelled():
    masks = rectangle(0, 0, 4, 4)
    labelled, bare = (
        evaluate(annotations([instance(1, masks, occlusion=level)], 1), [result(masks)])
        for level in ("no_occlusion", None)
    )
    assert "occluded, SO" in format_table(labelled) and "AP_HO" in format_categories(labelled)
    assert "occluded, SO" not in format_table(bare) and "AP_HO" not in format_categories(bare)
    assert "large, from" in format_table(bare)
