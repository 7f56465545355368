"""Heat maps of the previous frame, with draws that decide what is seen."""

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.models.previous_heat import (
    HeatNoise,
    NoiseDraws,
    annotated_heat,
    box_heat,
    pooled_heat,
)

SIZE = (32, 64)
BOXES = np.float32([[4, 4, 20, 16], [40, 10, 60, 30], [np.nan] * 4])
VALID = np.array([True, True, False])


compiled_annotated = jax.jit(lambda *own: annotated_heat(*own, HeatNoise(), SIZE))
compiled_boxes = jax.jit(lambda *own: box_heat(*own, SIZE))


def draws(**changed):
    nothing = np.zeros((3, 2), np.float32)
    own = dict(jitter=nothing, lost=np.ones(3), false_positive=np.ones(3), false_jitter=nothing)
    return NoiseDraws(**own | {k: np.asarray(v, np.float32) for k, v in changed.items()})


def heat(**changed):
    return np.asarray(compiled_annotated(BOXES, VALID, draws(**changed)))


def peaks(x):
    return {(int(c), int(r)) for r, c in np.argwhere(x == 1)}


def test_objects_stand_at_their_centres():
    assert peaks(heat()) == {(12, 10), (50, 20)}
    np.testing.assert_array_equal(heat(), compiled_boxes(BOXES, VALID))


def test_lost_objects_are_not_drawn_and_doubled_ones_twice():
    assert peaks(heat(lost=[0.4, 0.41, 1])) == {(50, 20)}
    doubled = heat(false_positive=[0.05, 0.1, 1], false_jitter=[[4, 0]] * 3)
    assert peaks(doubled) == {(12, 10), (15, 10), (50, 20)}
    assert peaks(heat(false_positive=[0.05, 1, 1], lost=[0, 0, 0])) == set()


def test_centres_move_by_shares_of_their_box():
    assert peaks(heat(jitter=[[2, 0], [0, -3], [0, 0]])) == {(13, 10), (50, 17)}


def test_boxes_end_inside_the_frame_and_those_outside_are_not_drawn():
    boxes = np.float32([[-10, 4, 6, 8], [80, 4, 90, 8], [5, 9, 5, 12]])
    assert peaks(np.asarray(compiled_boxes(boxes, np.ones(3, bool)))) == {(3, 6)}


def test_cells_hold_the_means_of_their_pixels():
    x = jnp.arange(8.0 * 8).reshape(8, 8)
    np.testing.assert_allclose(pooled_heat(x)[1, 0], np.mean(x[4:, :4]))
