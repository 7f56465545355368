"""Masks from the four quarters of boxes."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.ops.subregions import quarter_masks

HEIGHT, WIDTH = 9, 11
NUMBERS = np.arange(1, 5, dtype=np.float32)[:, None, None] * np.ones((HEIGHT, WIDTH), np.float32)

corner = st.floats(-4, 14, width=32)


def cells(box):
    """1 to 4 in the quarters of a box, 0 outside."""
    chosen, inside = quarter_masks(jnp.asarray(NUMBERS), jnp.asarray(box))
    return np.where(inside, chosen, 0)


@settings(deadline=None, max_examples=200)
@given(x1=corner, y1=corner, x2=corner, y2=corner)
def test_every_pixel_is_in_the_quarter_of_the_definition(x1, y1, x2, y2):
    box = np.float32([x1, y1, x2, y2])
    # As the kernel: sizes in single precision, the tenth added in double, rounded to single.
    width = np.float32((float(box[2] - box[0]) + 0.1) / 2)
    height = np.float32((float(box[3] - box[1]) + 0.1) / 2)
    want = np.zeros((HEIGHT, WIDTH))
    for y, x in np.ndindex(HEIGHT, WIDTH):
        if box[0] <= x < box[2] and box[1] <= y < box[3]:
            column = int((np.float32(x) - box[0]) / width)
            row = int((np.float32(y) - box[1]) / height)
            want[y, x] = 1 + 2 * row + column
    if min(box[2] - box[0], box[3] - box[1]) >= 0.125:
        np.testing.assert_array_equal(cells(box), want)
    else:  # sizes below an eighth of a pixel: inside all the same
        np.testing.assert_array_equal(cells(box) > 0, want > 0)


def test_the_seam_is_a_twentieth_of_a_pixel_beyond_the_centre():
    assert cells([0, 0, 8, 8])[0, :8].tolist() == [1, 1, 1, 1, 1, 2, 2, 2]
    assert cells([-0.125, 0, 7.875, 8])[0, :8].tolist() == [1, 1, 1, 1, 2, 2, 2, 2]


def test_boxes_that_are_no_numbers_are_empty():
    assert not cells([np.nan] * 4).any()


def test_many_boxes_at_once_equal_one_after_the_other():
    rng = np.random.default_rng(0)
    quarters = rng.normal(size=(5, 4, HEIGHT, WIDTH))
    boxes = np.sort(rng.uniform(-2, 12, (5, 2, 2)), axis=1).reshape(5, 4)
    together = quarter_masks(jnp.asarray(quarters), jnp.asarray(boxes))
    for i in range(5):
        alone = quarter_masks(jnp.asarray(quarters[i]), jnp.asarray(boxes[i]))
        jax.tree.map(lambda a, b, i=i: np.testing.assert_array_equal(a[i], b), together, alone)
