import collections

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.data.order import (
    BatchOrder,
    draw_reference,
    draws,
    reference_candidates,
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


@pytest.mark.parametrize(
    "query, window, want",
    [
        (10, 5, [6, 12, 15]),
        (10, None, [0, 6, 12, 15, 30]),
        (30, 5, [0, 6, 10, 12, 15]),  # none is near: any other
        (0, 6, [6]),
    ],
)
def test_references_are_near_or_else_anywhere(query, window, want):
    frames = np.array([0, 6, 10, 12, 15, 30])
    np.testing.assert_array_equal(reference_candidates(frames, query, window), want)


def test_a_lonely_frame_is_its_own_reference():
    assert draw_reference(draws(0, 0), np.array([4]), 4, 5) == 4


def test_references_are_drawn_uniformly():
    frames = np.arange(40)
    drawn = [draw_reference(draws(1, i), frames, 20, 5) for i in range(5000)]
    counts = np.bincount(drawn, minlength=40)
    assert not counts[:15].any() and not counts[26:].any() and counts[20] == 0
    near = np.r_[counts[15:20], counts[21:26]]
    assert ((near - 500) ** 2 / 500).sum() < 30  # chi-square, 9 degrees: p < 0.001
