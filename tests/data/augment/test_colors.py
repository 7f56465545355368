"""Colour jitter against its definition, pixel by pixel in float64."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.data.augment.colors import ColorChange, change_colors, draw_colors
from ovis_jax.data.augment.settings import Jitter

CORNERNET = Jitter(brightness=0.4, contrast=0.4, saturation=0.4, lighting=0.1)
FACTORS = st.floats(0.5, 1.5)


def grey(pixel):
    return 0.299 * pixel[0] + 0.587 * pixel[1] + 0.114 * pixel[2]


def naive(image, change):
    """Real numbers, neither rounded nor limited."""
    out = image.astype(np.float64)
    mean = np.mean([grey(pixel) for pixel in out.reshape(-1, 3)])
    for place in np.ndindex(image.shape[:2]):
        own, pixel = grey(out[place]), out[place].copy()
        for name, factor in change.steps:
            towards = dict(brightness=0.0, contrast=mean, saturation=own)[name]
            pixel = towards + factor * (pixel - towards)
        out[place] = pixel + 255 * np.array(change.shift)
    return out


@settings(deadline=None, max_examples=40)
@given(
    st.permutations(["brightness", "contrast", "saturation"]),
    st.tuples(FACTORS, FACTORS, FACTORS),
    st.tuples(*[st.floats(-0.1, 0.1)] * 3),
    st.integers(0, 99),
)
def test_colours_follow_the_definition(order, factors, shift, seed):
    image = np.random.default_rng(seed).integers(0, 256, (4, 5, 3), np.uint8)
    change = ColorChange(tuple(zip(order, factors, strict=True)), shift)
    got = change_colors(image, change)
    assert got.dtype == np.uint8
    np.testing.assert_allclose(got, np.clip(naive(image, change), 0, 255), atol=0.501)


def test_without_jitter_nothing_is_drawn_and_nothing_changes():
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (4, 5, 3), np.uint8)
    state = rng.bit_generator.state
    assert draw_colors(rng, Jitter()) is None and rng.bit_generator.state == state
    assert change_colors(image, None) is image


@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_factors_lie_within_their_range_and_steps_in_any_order(name):
    rng, seen, orders = np.random.default_rng(0), [], set()
    for _ in range(400):
        change = draw_colors(rng, CORNERNET)
        orders.add(tuple(step for step, _ in change.steps))
        seen.append(dict(change.steps)[name])
    assert 0.6 <= min(seen) < 0.62 and 1.38 < max(seen) <= 1.4 and abs(np.mean(seen) - 1) < 0.05
    assert len(orders) == 6


def test_the_light_shifts_colours_by_independent_amounts_along_right_angles():
    rng = np.random.default_rng(0)
    shifts = np.array([draw_colors(rng, Jitter(lighting=0.1)).shift for _ in range(4000)])
    assert np.abs(shifts.mean(axis=0)).max() < 0.002
    deviations = np.sqrt(np.linalg.eigvalsh(np.cov(shifts.T))[::-1])
    np.testing.assert_allclose(deviations, [0.0214, 0.0018, 0.0003], rtol=0.15)
    brighter = np.sign(shifts).sum(axis=1)  # the first direction is that of brightness
    assert (np.abs(brighter) == 3).mean() > 0.8


def test_one_part_alone_leaves_the_others_at_rest():
    change = draw_colors(np.random.default_rng(0), Jitter(contrast=0.4))
    factors = dict(change.steps)
    assert factors["brightness"] == factors["saturation"] == 1 != factors["contrast"]
    assert not np.any(change.shift)
