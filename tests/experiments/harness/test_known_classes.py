"""Whether a detector knows the classes, on counts whose agreement is known."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from experiments.harness.datasets import QUICKSTART
from experiments.harness.experiment import Experiment, Outcome
from experiments.harness.known_classes import agreement_with_classes, known_classes

DOG = 4  # what `finished` may call its cats


def outcome(rows):
    return Outcome(Experiment("name", "Title", "?"), QUICKSTART, {}, rows)


def test_right_classes_agree_and_those_named_regardless_of_the_object_do_not():
    right = agreement_with_classes(np.diag([3, 5, 2]))
    assert right == pytest.approx((0, 1 - (9 + 25 + 4) / 100, 1))
    regardless = np.outer([4, 6], [1, 9])
    wrong, by_chance, agreement = agreement_with_classes(regardless)
    assert wrong == pytest.approx(by_chance) == pytest.approx(1 - (4 * 1 + 6 * 9) / 100)
    assert agreement == pytest.approx(0)


def test_agreement_needs_found_objects_of_several_classes():
    assert agreement_with_classes(np.zeros((2, 2), int)) == (None, None, None)
    assert agreement_with_classes(np.diag([3, 0])) == (0, 0, None)


@given(arrays.arrays(np.int64, (3, 3), elements=st.integers(0, 50)))
def test_agreement_is_that_of_the_definition(counts):
    """Cohen's kappa, by drawing every pair of a true and a named class."""
    truth, named = np.indices(counts.shape).reshape(2, -1)
    total = counts.sum()
    wrong, by_chance, agreement = agreement_with_classes(counts)
    if not total:
        return
    assert wrong == pytest.approx(counts.reshape(-1)[truth != named].sum() / total)
    pairs = [counts[k].sum() * counts[:, j].sum() for k in range(3) for j in range(3) if k != j]
    assert by_chance == pytest.approx(sum(pairs) / total**2)
    if agreement is not None:
        assert agreement <= 1 + 1e-12


def test_what_is_found_is_added_up_over_seeds_and_said(finished):
    half = [finished("a", [1, 2, 3]), finished("a", [1, 2, 3], DOG, seed=1)]
    found = known_classes(outcome({"half": half, "blind": [finished("b", [])]}))
    assert [row[:3] for row in found.tables[0].rows] == [
        ["half", 12, pytest.approx(0.5)],
        ["blind", 0, None],
    ]
    assert found.values["known_classes"]["half"]["agreement"] == pytest.approx(0)
    first, second = found.lines
    assert "takes 50.0 % for another class; at random it would be 50.0 %" in first
    assert "hardly knows the classes" in first
    assert second == "blind: nothing that it finds tells whether it knows the classes."


def test_the_surest_mask_on_an_object_says_its_class(finished):
    """A dog on the pixels of each cat, surer than the cat in one video of three."""
    right, both = finished("cats", [1, 2, 3]), finished("both", [1, 2, 3])
    path = both.outputs / "results.json"
    cats = json.loads(path.read_text())
    scores = (0.95, 0.5, 0.2)
    dogs = [
        cat | {"category_id": DOG, "score": score} for cat, score in zip(cats, scores, strict=True)
    ]
    path.write_text(json.dumps([*cats, *dogs]))
    assert right.surest_classes.sum() == both.surest_classes.sum() == 6  # two frames of each
    assert np.trace(right.surest_classes) == 6 and np.trace(both.surest_classes) == 4
