"""The cost volume and its offsets against loops in float64."""

import jax
import numpy as np

from ovis_jax.ops.cost_volume import cost_volume_maxima, expected_offsets

HEIGHT, WIDTH, CHANNELS = 3, 4, 5


@jax.jit
def both(current, other):
    maxima = cost_volume_maxima(current, other)
    return maxima, expected_offsets(*maxima, 5.0)


def embeddings():
    return np.random.default_rng(0).normal(size=(2, HEIGHT, WIDTH, CHANNELS)).astype(np.float32)


def naive_maxima(current, other):
    current, other = (x.astype(np.float64) for x in (current, other))
    by_row, by_column = np.full((12, HEIGHT), -np.inf), np.full((12, WIDTH), -np.inf)
    for y, x, v, u in np.ndindex(HEIGHT, WIDTH, HEIGHT, WIDTH):
        cost = current[y, x] @ other[v, u]
        cell = y * WIDTH + x
        by_row[cell, v] = max(by_row[cell, v], cost)
        by_column[cell, u] = max(by_column[cell, u], cost)
    return by_row, by_column


def test_maxima_and_offsets_follow_their_definitions():
    current, other = embeddings()

    maxima, offsets = both(current, other)
    want = naive_maxima(current, other)
    for own, expected in zip(maxima, want, strict=True):
        np.testing.assert_allclose(own, expected, rtol=1e-5, atol=1e-5)
    for y, x in np.ndindex(HEIGHT, WIDTH):
        for axis, (costs, place) in enumerate(((want[1], x), (want[0], y))):
            weights = np.exp(5 * costs[y * WIDTH + x])
            mean = (weights * (np.arange(len(weights)) - place)).sum() / weights.sum()
            np.testing.assert_allclose(offsets[y, x, axis], mean, atol=1e-4)


def test_a_frame_that_has_moved_by_whole_cells_says_so():
    codes = 9 * np.eye(HEIGHT * WIDTH, dtype=np.float32).reshape(HEIGHT, WIDTH, -1)
    _, offsets = both(codes, np.roll(codes, (1, 2), (0, 1)))
    np.testing.assert_array_equal(offsets[0, 0], [2, 1])
    np.testing.assert_array_equal(offsets[2, 3], [-2, -2])
