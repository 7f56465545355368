"""Masks that are mixed from prototypes and cut to boxes."""

import jax.numpy as jnp
import numpy as np

from ovis_jax.ops.masks import mask_iou
from ovis_jax.ops.prototype_masks import cells_of_boxes, mix_prototypes


def test_cells_reach_one_cell_beyond_the_box_and_corners_may_be_swapped():
    boxes = np.float32([[0.26, 0.1, 0.51, 0.7], [0.51, 0.7, 0.26, 0.1], [-2, -2, -1, -1]])
    inside = np.asarray(cells_of_boxes(jnp.asarray(boxes), 10, 8))
    want = np.zeros((10, 8), bool)
    for row, column in np.ndindex(10, 8):
        want[row, column] = 1 - 1 <= row < 7 + 1 and 2.08 - 1 <= column < 4.08 + 1
    np.testing.assert_array_equal(inside[0], want)
    np.testing.assert_array_equal(inside[1], want)
    assert not inside[2].any()


def test_logits_are_sums_of_prototypes():
    rng = np.random.default_rng(0)
    prototypes, coefficients = rng.normal(size=(4, 5, 3)), rng.normal(size=(2, 3))
    want = np.einsum("hwc,nc->nhw", prototypes, np.tanh(coefficients))
    got = mix_prototypes(jnp.asarray(prototypes), jnp.asarray(coefficients))
    np.testing.assert_allclose(got, want, atol=1e-6)


def test_overlap_of_masks_counts_cells_and_two_empty_masks_have_none():
    a, b = np.zeros((2, 2, 4, 4), bool)
    a[0, :2], b[0, 1:4] = True, True
    got = mask_iou(jnp.asarray(a), jnp.asarray(b))
    np.testing.assert_allclose(got, [[4 / 16, 0], [0, 0]])
