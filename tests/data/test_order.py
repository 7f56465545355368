import collections

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.data.order import (
    BatchOrder,
)

LANDSCAPE = np.arange(23) % 3 > 0  # 15 and 8 samples


@settings(deadline=None)
@given(st.lists(st.booleans(), min_size=1, max_size=40), st.integers(1, 7), st.integers(0, 99))
def test_every_epoch_visits_every_sample_in_batches_of_one_orientation(landscape, size, seed):
    landscape = np.array(landscape)
    order = BatchOrder(landscape, batch_size=size, seed=seed)
    count = order.batches_per_epoch
    for epoch in range(2):
        batches = [order.samples(epoch * count + i) for i in range(count)]
        assert all(batch.shape == (size,) for batch in batches)
        assert all(len(set(landscape[batch])) == 1 for batch in batches)
        visits = collections.Counter(np.concatenate(batches).tolist())
        assert sorted(visits) == list(range(len(landscape)))
        filled = sum(-len(group) % size for group in map(np.flatnonzero, (landscape, ~landscape)))
        assert sum(visits.values()) == len(landscape) + filled


def test_batches_are_a_function_of_seed_and_number():
    orders = [BatchOrder(LANDSCAPE, batch_size=4, seed=3) for _ in range(2)]
    forwards = [orders[0].samples(i) for i in range(30)]
    backwards = [orders[1].samples(i) for i in reversed(range(30))][::-1]
    np.testing.assert_array_equal(forwards, backwards)
    other = BatchOrder(LANDSCAPE, batch_size=4, seed=4)
    assert any((other.samples(i) != forwards[i]).any() for i in range(30))


def test_epochs_differ():
    order = BatchOrder(LANDSCAPE, batch_size=4, seed=3)
    assert any((order.samples(i) != order.samples(i + 6)).any() for i in range(6))


def test_orientations_are_mixed_within_an_epoch():
    order = BatchOrder(np.arange(200) % 2 > 0, batch_size=4, seed=0)
    kinds = [int(order.samples(i)[0] % 2) for i in range(order.batches_per_epoch)]
    assert 5 < np.abs(np.diff(kinds)).sum()
