import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import linear_sum_assignment

from ovis_jax.analysis.assignment import assign_frames, best_assignment


def total(weights, columns):
    rows = np.flatnonzero(columns >= 0)
    return weights[rows, columns[rows]].sum()


def random_weights(random, rows, columns):
    """Weights with ties and zeros, as overlaps have them."""
    weights = random.choice([0, 0.25, 0.5, 1, random.random()], (rows, columns))
    return weights * (random.random((rows, columns)) < 0.7)


@given(st.integers(0, 2**32 - 1), st.integers(0, 9), st.integers(0, 9))
def test_the_sum_is_that_of_scipy_and_nothing_is_given_twice(seed, rows, columns):
    weights = random_weights(np.random.default_rng(seed), rows, columns)
    found = best_assignment(weights)
    taken = found[found >= 0]
    assert len(set(taken.tolist())) == len(taken)
    assert total(weights, found) == pytest.approx(
        weights[linear_sum_assignment(weights, maximize=True)].sum(), abs=1e-12
    )
    assert all(weights[row, column] > 0 for row, column in enumerate(found) if column >= 0)


@given(st.integers(0, 2**32 - 1))
def test_the_sum_is_the_largest_of_all_assignments(seed):
    weights = random_weights(np.random.default_rng(seed), 3, 4)
    largest = max(weights[range(3), order].sum() for order in itertools.permutations(range(4), 3))
    assert total(weights, best_assignment(weights)) == pytest.approx(largest)


@given(st.integers(0, 2**32 - 1))
def test_the_best_pairs_are_found_where_there_is_one_best_assignment(seed):
    weights = np.random.default_rng(seed).random((20, 30))
    _, columns = linear_sum_assignment(weights, maximize=True)
    np.testing.assert_array_equal(best_assignment(weights), columns)


def test_the_surer_of_two_rows_gives_way_if_the_sum_gains():
    np.testing.assert_array_equal(best_assignment(np.array([[0.9, 0.8], [0.7, 0.0]])), [1, 0])


@given(st.integers(0, 2**32 - 1))
def test_frames_are_assigned_one_by_one(seed):
    random = np.random.default_rng(seed)
    weights = np.array([random_weights(random, 3, 4) for _ in range(6)])
    np.testing.assert_array_equal(
        assign_frames(weights), [best_assignment(frame) for frame in weights]
    )


def test_without_rows_or_columns_nothing_is_given():
    assert best_assignment(np.zeros((0, 3))).shape == (0,)
    np.testing.assert_array_equal(best_assignment(np.zeros((2, 0))), [-1, -1])
    np.testing.assert_array_equal(assign_frames(np.zeros((2, 1, 0))), [[-1], [-1]])
