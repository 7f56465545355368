"""Levels of a pyramid on one map."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ops.float64 import float64

from ovis_jax.ops.canvas import canvas_of, keep_on_level
from ovis_jax.ops.deform_conv import deform_conv

SHAPES = ((12, 20), (6, 10), (3, 5), (2, 3))


def levels(shapes):
    rng = np.random.default_rng(0)
    return [jnp.asarray(rng.normal(size=(2, *shape, 3)), jnp.float32) for shape in shapes]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_levels_come_back_as_they_were_and_zeros_stand_between_them(count):
    canvas, own = canvas_of(SHAPES[:count], 2), levels(SHAPES[:count])
    packed = canvas.pack(own)
    assert packed.shape == (2, canvas.height, canvas.width, 3)
    for level, back in zip(own, canvas.unpack(packed), strict=True):
        np.testing.assert_array_equal(level, back)
    np.testing.assert_array_equal(packed[:, ~canvas.mask], 0)
    np.testing.assert_array_equal(canvas.clear(packed + 1)[:, ~canvas.mask], 0)
    np.testing.assert_array_equal(canvas.clear(packed), packed)


@pytest.mark.parametrize("gap", [1, 4])
def test_no_cell_of_another_level_is_nearer_than_the_gap(gap):
    canvas = canvas_of(SHAPES, gap)
    number = np.full((canvas.height, canvas.width), -1)
    for i, (top, left, height, width) in enumerate(canvas.places):
        assert (number[top : top + height, left : left + width] == -1).all()
        number[top : top + height, left : left + width] = i
    for y, x in np.argwhere(number >= 0):
        near = number[max(y - gap, 0) : y + gap + 1, max(x - gap, 0) : x + gap + 1]
        assert set(np.unique(near)) <= {-1, number[y, x]}


def test_the_published_pyramid_takes_little_more_than_its_cells():
    shapes = ((96, 160), (48, 80), (24, 40), (12, 20))
    canvas = canvas_of(shapes, 15)
    assert (canvas.height, canvas.width) == (162, 160)
    assert canvas.places[1:] == ((111, 0, 48, 80), (111, 95, 24, 40), (150, 95, 12, 20))


def test_taps_that_leave_their_level_read_nothing_and_others_stay():
    canvas, rng = canvas_of(SHAPES[1:3], 2), np.random.default_rng(1)
    with float64():
        own, offsets = (
            [jnp.asarray(rng.normal(scale=scale, size=(2, *s, count))) for s in SHAPES[1:3]]
            for scale, count in ((1.0, 3), (4.0, 18))
        )
        kernel = jnp.asarray(rng.normal(size=(3, 3, 3, 4)))

        def one_by_one(own, offsets):
            return tuple(map(lambda x, moved: deform_conv(x, moved, kernel), own, offsets))

        def together(own, offsets):
            packed = keep_on_level(canvas.pack(offsets), 3, canvas)
            return canvas.unpack(deform_conv(canvas.pack(own), packed, kernel))

        found = [jax.jit(way)(own, offsets) for way in (one_by_one, together)]
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-9), *found)


def test_between_levels_nothing_is_read():
    canvas = canvas_of(SHAPES, 1)
    offsets = keep_on_level(jnp.zeros((1, canvas.height, canvas.width, 18)), 3, canvas)
    assert (offsets[:, ~canvas.mask] < -canvas.height).all()
    np.testing.assert_array_equal(offsets[:, canvas.mask, 8:10], 0)  # the middle tap
