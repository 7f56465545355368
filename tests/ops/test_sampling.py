"""Bilinear reading of a feature map."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.ops.sampling import bilinear_gather, bilinear_scatter

FEATURES = np.random.default_rng(0).normal(size=(5, 6, 3)).astype(np.float32)


@settings(deadline=None)
@given(x=st.floats(-3, 8), y=st.floats(-3, 7))
def test_a_point_reads_the_cells_less_than_one_away_by_their_nearness(x, y):
    want = np.zeros(3)
    for row, column in np.ndindex(5, 6):
        nearness = max(0.0, 1 - abs(x - column)) * max(0.0, 1 - abs(y - row))
        want += nearness * FEATURES[row, column].astype(np.float64)
    got = bilinear_gather(jnp.asarray(FEATURES), jnp.array([x, y], jnp.float32))
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_far_and_infinite_points_read_zero_and_pass_no_gradient():
    points = jnp.array([[1e9, 0], [-1e9, 2], [jnp.nan, 1], [jnp.inf, 1]])
    value, pullback = jax.vjp(lambda f: bilinear_gather(f, points), jnp.asarray(FEATURES))
    np.testing.assert_array_equal(value, 0)
    np.testing.assert_array_equal(pullback(jnp.ones_like(value))[0], 0)


def test_the_gradient_of_a_point_is_the_slope_of_the_map():
    points = jnp.array([[1.3, 2.6], [4.9, 0.2], [-0.4, 3.3]])
    slope = jax.jacrev(lambda p: bilinear_gather(jnp.asarray(FEATURES), p).sum())(points)
    step = 1e-2
    for i, axis in np.ndindex(3, 2):
        moved = [points.at[i, axis].add(s) for s in (step, -step)]
        ends = [bilinear_gather(jnp.asarray(FEATURES), p).sum() for p in moved]
        np.testing.assert_allclose(slope[i, axis], (ends[0] - ends[1]) / (2 * step), atol=1e-3)


def test_at_the_centre_of_a_cell_the_gradient_is_the_slope_to_the_next_one():
    gradient = jax.jacrev(lambda p: bilinear_gather(jnp.asarray(FEATURES), p))(jnp.array([2.0, 1]))
    want = [FEATURES[1, 3] - FEATURES[1, 2], FEATURES[2, 2] - FEATURES[1, 2]]
    np.testing.assert_allclose(gradient, np.stack(want, -1), atol=1e-6)


def test_scatter_is_the_transpose_of_gather():
    rng = np.random.default_rng(1)
    points = jnp.asarray(rng.uniform(-3, 8, size=(20, 2)), jnp.float32)
    values = jnp.asarray(rng.normal(size=(20, 3)), jnp.float32)
    read = (bilinear_gather(jnp.asarray(FEATURES), points) * values).sum()
    written = (bilinear_scatter(values, points, FEATURES.shape) * FEATURES).sum()
    np.testing.assert_allclose(read, written, rtol=1e-5)
