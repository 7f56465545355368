import numpy as np
from golden_folder import golden_arrays, golden_json

from ovis_jax.ops.anchors import base_anchors, grid_anchors

STRIDES = (4, 8, 16, 32, 64)


def test_base_anchors_follow_their_definition():
    for stride in (4, 6, 32):
        for ratio, got in zip((0.5, 1, 2), base_anchors(stride), strict=True):
            width, height = 8 * stride / ratio**0.5, 8 * stride * ratio**0.5
            center = (stride - 1) / 2
            low = center - (width - 1) / 2, center - (height - 1) / 2
            high = center + (width - 1) / 2, center + (height - 1) / 2
            np.testing.assert_array_equal(got, [round(x) for x in low + high])


def test_base_anchors_of_the_finest_level_are_the_published_ones():
    want = [[-21, -9, 24, 12], [-14, -14, 17, 17], [-9, -21, 12, 24]]
    np.testing.assert_array_equal(base_anchors(4), want)


def test_anchors_equal_the_recorded_ones():
    golden = golden_arrays("cmasktrack_rcnn", "frame.npz")
    for stride, want in zip(STRIDES, golden["base_anchors"], strict=True):
        np.testing.assert_array_equal(base_anchors(stride), want)
    height, width, _ = golden_json("cmasktrack_rcnn", "manifest.json")["set"]["pad_shape"]
    level = grid_anchors(height // 16, width // 16, 16)
    np.testing.assert_array_equal(level, golden["anchors/p4"])


def test_grid_runs_over_rows_then_columns_then_ratios():
    grid = grid_anchors(3, 5, 8).reshape(3, 5, 3, 4)
    assert grid.dtype == np.float32
    for y, x in np.ndindex(3, 5):
        np.testing.assert_array_equal(grid[y, x], base_anchors(8) + [8 * x, 8 * y, 8 * x, 8 * y])


def test_scale_and_ratios_set_size_and_number():
    (square,) = base_anchors(16, scale=4.0, ratios=(1.0,))
    np.testing.assert_array_equal(square, [-24, -24, 39, 39])
