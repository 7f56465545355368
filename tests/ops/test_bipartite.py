"""Bipartite assignment beside SciPy's: the same total cost whatever the sizes."""

import jax
import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.ops.bipartite import assign

SIZES = ((7, 4), (4, 7), (5, 5))  # rows, objects
run = jax.jit(assign)


def least_cost(costs):
    rows, columns = scipy.optimize.linear_sum_assignment(costs)
    return costs[rows, columns].sum()


def random_costs(seed, size, kind):
    rng = np.random.default_rng(seed)
    if kind == "whole":  # with many assignments that cost the same
        return rng.integers(-2, 3, size).astype(np.float32)
    return (rng.normal(size=size) * rng.choice([1, 100]) + rng.choice([0, 50])).astype(np.float32)


@given(
    seed=st.integers(0, 2**32 - 1),
    size=st.sampled_from(SIZES),
    kind=st.sampled_from(["whole", "normal"]),
    share=st.sampled_from([0.0, 0.5, 1.0]),
)
def test_the_total_cost_is_that_of_scipy_and_no_row_has_two_objects(seed, size, kind, share):
    costs = random_costs(seed, size, kind)
    valid = np.random.default_rng(seed + 1).random(size[1]) < share
    poisoned = np.where(valid, costs, np.nan)
    row, assigned = (np.asarray(x) for x in run(poisoned, valid))
    assert not assigned[~valid].any() and (row[~assigned] == 0).all()
    assert assigned.sum() == min(size[0], valid.sum())
    chosen = row[assigned]
    assert len(set(chosen.tolist())) == len(chosen)
    total = costs.astype(np.float64)[chosen, np.flatnonzero(assigned)].sum()
    want = least_cost(costs.astype(np.float64)[:, valid])
    np.testing.assert_allclose(total, want, rtol=1e-5, atol=1e-4)


def test_many_queries_and_objects_of_a_real_frame():
    rng = np.random.default_rng(0)
    costs = rng.normal(5, 3, size=(100, 40)).astype(np.float32)
    row, assigned = run(costs, np.arange(40) < 31)
    total = costs[np.asarray(row)[:31], np.arange(31)].sum()
    assert assigned.sum() == 31
    np.testing.assert_allclose(total, least_cost(costs[:, :31]), rtol=1e-5)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_costs_that_are_not_finite_end_and_are_avoided(value):
    costs = np.array([[value, 1.0, 5.0], [2.0, value, 5.0], [9.0, 9.0, 5.0], [9, 9, 9]])
    row, assigned = run(costs.astype(np.float32), np.ones(3, bool))
    assert assigned.all() and row.tolist() == [1, 0, 2]
    row, assigned = run(np.full((4, 3), value, np.float32), np.ones(3, bool))
    assert assigned.all() and len(set(row.tolist())) == 3
