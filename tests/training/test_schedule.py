import numpy as np
import pytest

from ovis_jax.formats.errors import InputError
from ovis_jax.training import schedule


def make(kind="step", num_steps=1200, warmup_steps=500):
    return schedule.learning_rate_schedule(
        kind,
        0.005,
        num_steps,
        warmup_steps=warmup_steps,
        warmup_factor=1 / 3,
        drops=(8 / 12, 11 / 12),
    )


def test_warm_up_and_drops_follow_the_published_schedule():
    rate = make(num_steps=12 * 100, warmup_steps=500)
    for step in (0, 1, 250, 499, 500, 799, 800, 1099, 1100, 1199):
        epoch = step // 100
        want = 0.005 * 0.1 ** ((epoch >= 8) + (epoch >= 11))
        if step < 500:
            want *= 1 - (1 - step / 500) * (1 - 1 / 3)
        np.testing.assert_allclose(rate(step), want, rtol=1e-6)


def test_cosine_falls_to_zero_over_half_a_period():
    rate = make("cosine", num_steps=100, warmup_steps=0)
    np.testing.assert_allclose([rate(0), rate(50)], [0.005, 0.0025], rtol=1e-6)
    np.testing.assert_allclose(rate(100), 0, atol=1e-9)


def test_the_rate_is_proportional_to_the_batch_and_configured_for_the_full_one():
    assert schedule.scaled_learning_rate(0.08, 4) == pytest.approx(0.02)
    assert schedule.scaled_learning_rate(0.08, schedule.FULL_SCHEDULE_BATCH) == 0.08


def test_an_unknown_schedule_is_bad_input():
    with pytest.raises(InputError, match=r"config.train.schedule.*'linear'"):
        make("linear")
