"""Points of pyramid levels and boxes around them."""

import jax.numpy as jnp
import numpy as np

from ovis_jax.ops.points import boxes_from_distances, distances_to_sides, grid_points


def test_points_stand_half_a_stride_into_their_cells_row_by_row():
    want = [[4, 4], [12, 4], [20, 4], [4, 12], [12, 12], [20, 12]]
    np.testing.assert_array_equal(grid_points(2, 3, 8), want)


def test_boxes_and_distances_lead_back_and_forth():
    rng = np.random.default_rng(0)
    points = jnp.asarray(rng.uniform(0, 50, (20, 2)))
    boxes = jnp.asarray(rng.uniform(-10, 60, (20, 4)))
    distances = distances_to_sides(points, boxes)
    np.testing.assert_allclose(boxes_from_distances(points, distances), boxes, atol=1e-5)


def test_distances_are_left_top_right_bottom():
    got = distances_to_sides(jnp.array([10.0, 20.0]), jnp.array([7.0, 15.0, 11.0, 28.0]))
    np.testing.assert_array_equal(got, [3, 5, 1, 8])
