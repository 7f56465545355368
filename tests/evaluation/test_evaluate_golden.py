"""Numbers of the official OVIS and YouTube-VIS evaluators, recorded with generated data."""

import functools
import json
import pathlib

import numpy as np
import pytest

from ovis_jax.evaluation import Metrics, evaluate
from ovis_jax.formats.annotations import load_annotations
from ovis_jax.formats.results import load_results
from tests.golden_folder import golden_folder

try:
    CASES = sorted(p.parent.name for p in golden_folder("evaluation").glob("*/expected.json"))
except pytest.skip.Exception:
    CASES = []
EXACT = dict(rtol=0, atol=1e-9)
SAMPLED = dict(rtol=0, atol=1e-11)  # the samples have 12 decimals


@functools.cache
def expected(case: str) -> dict:
    return json.loads((_folder(case) / "expected.json").read_text())


@functools.cache
def measured(case: str) -> Metrics:
    annotations = load_annotations(_folder(case) / "gt.json")
    results = load_results(_folder(case) / "results.json", annotations)
    return evaluate(annotations, results, expected(case)["kind"])


def _folder(case: str) -> pathlib.Path:
    return golden_folder("evaluation") / case


def _precision(case: str) -> np.ndarray:
    return measured(case).precision.reshape(expected(case)["precision_shape"])


def _scores(case: str) -> np.ndarray:
    scores = np.moveaxis(measured(case).curves.scores, (-2, -1), (0, 1))
    return scores.reshape(expected(case)["precision_shape"])


def _recall(case: str) -> np.ndarray:
    return measured(case).recall.reshape(expected(case)["recall_shape"])


@pytest.mark.parametrize("case", CASES)
def test_summary_equals_the_official_one(case):
    got, want = measured(case).as_dict(), expected(case)["metrics"]
    del got["per_category"]
    assert list(got) == list(want)
    np.testing.assert_allclose(list(got.values()), list(want.values()), **EXACT)


@pytest.mark.parametrize("case", CASES)
def test_numbers_of_each_category_equal_the_official_ones(case):
    want, metrics = expected(case)["per_category"], measured(case)
    assert set(want) == {str(category.id) for category in metrics.categories}
    for category_id, values in want.items():
        got = metrics.category_values[int(category_id)]
        np.testing.assert_allclose([got[name] for name in values], [*values.values()], **EXACT)
    written = metrics.as_dict()["per_category"]
    assert len(written) == len(want)
    for category in metrics.categories:
        np.testing.assert_allclose(written[category.name], want[str(category.id)]["AP"], **EXACT)


@pytest.mark.parametrize("case", CASES)
def test_precision_and_recall_equal_the_official_arrays(case):
    want, precision, recall = expected(case), _precision(case), _recall(case)
    sample = precision.ravel()[:: want["sample_stride"]]
    np.testing.assert_allclose(sample, want["precision_sample"], **SAMPLED)
    flat = precision.ravel()[:: want["precision_flat_stride"]]
    np.testing.assert_allclose(flat, want["precision_flat"], **SAMPLED)
    sample = _scores(case).ravel()[:: want["sample_stride"]]
    np.testing.assert_allclose(sample, want["scores_sample"], **SAMPLED)
    for kind in ("flat", "sample"):
        stride = want[f"recall_{'flat_' if kind == 'flat' else ''}stride"]
        np.testing.assert_allclose(recall.ravel()[::stride], want[f"recall_{kind}"], **SAMPLED)
    arrays = {"precision": precision, "recall": recall, "scores": _scores(case)}
    for name, array in arrays.items():
        checksum = np.dot(array.ravel(), np.cos(np.arange(array.size)))
        np.testing.assert_allclose(checksum, want[f"{name}_checksum"], rtol=0, atol=1e-6)
        np.testing.assert_allclose(array.sum(), want[f"{name}_sum"], rtol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_means_of_all_groups_equal_the_official_ones(case):
    want, precision, recall = expected(case), _precision(case), _recall(case)
    grid = _means(np.moveaxis(precision, (0, 1, 2), (-3, -2, -1)), 3)
    np.testing.assert_allclose(grid, want["AP_grid"], **EXACT)
    grid = _means(np.moveaxis(recall, (0, 1), (-2, -1)), 2)
    np.testing.assert_allclose(grid, want["AR_grid"], **EXACT)
    of_all = measured(case).precision[:, :, :, 0, 0, -1]
    np.testing.assert_allclose(_means(of_all, 2), want["AP_by_threshold"], **EXACT)


def _means(values: np.ndarray, num_axes: int) -> np.ndarray:
    """Means over the last axes of what is above -1, or -1."""
    rows = values.reshape(*values.shape[:-num_axes], -1)
    known = rows > -1
    total = np.where(known, rows, 0).sum(-1)
    return np.where(known.any(-1), total / np.maximum(known.sum(-1), 1), -1)
