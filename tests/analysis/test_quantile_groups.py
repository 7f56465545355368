import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.analysis.quantile_groups import quantile_groups


def test_groups_of_different_values_are_equally_large():
    found = quantile_groups(np.array([8.0, 1, 7, 2, 6, 3, 5, 4]))
    assert found.lowest.tolist() == [1, 3, 5, 7] and found.highest.tolist() == [2, 4, 6, 8]
    assert found.members.sum(axis=0).tolist() == [2, 2, 2, 2]


def test_equal_values_stay_together():
    found = quantile_groups(np.array([0.0, 0, 0, 0, 0, 1, 2, 3]))
    assert found.members.sum(axis=0).tolist() == [5, 1, 2]
    assert quantile_groups(np.zeros(9)).members.sum(axis=0).tolist() == [9]


def test_unknown_values_belong_to_no_group():
    found = quantile_groups(np.array([np.nan, 1, np.nan, 2]), 2)
    assert found.members.tolist() == [[False, False], [True, False], [False, False], [False, True]]
    assert quantile_groups(np.full(3, np.nan)).members.shape == (3, 0)
    assert quantile_groups(np.zeros(0)).members.shape == (0, 0)


@given(st.lists(st.integers(0, 6), min_size=1, max_size=30), st.integers(1, 6))
def test_each_value_is_in_one_group_within_its_ends(values, number):
    values = np.array(values, float)
    found = quantile_groups(values, number)
    assert (found.members.sum(axis=1) == 1).all() and len(found.lowest) <= number
    assert (found.highest[:-1] < found.lowest[1:]).all()
    place = found.members.argmax(axis=1)
    assert (found.lowest[place] <= values).all() and (values <= found.highest[place]).all()
