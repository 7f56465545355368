import numpy as np
import pytest

from ovis_jax.formats.errors import InputError
from ovis_jax.training import schedule


def make(kind="step", num_steps=1200, warmup_steps=500, **options):
    how = schedule.Schedule(kind, warmup_steps, 1 / 3, drops=(8 / 12, 11 / 12), **options)
    return schedule.learning_rate_schedule(how, 0.005, num_steps)


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


def test_polynomial_falls_to_zero_with_a_power_of_what_is_left():
    rate = make("polynomial", num_steps=200, warmup_steps=0, power=0.75)
    steps = np.arange(0, 201, 10)
    np.testing.assert_allclose(rate(steps), 0.005 * (1 - steps / 200) ** 0.75, rtol=1e-5, atol=1e-9)


def test_exponential_falls_from_the_first_drop_to_a_share_at_the_end():
    rate = make("exponential", num_steps=120, warmup_steps=0, final_factor=0.04)
    steps = np.arange(121)
    want = 0.005 * 0.04 ** (np.maximum(steps - 80, 0) / 40)
    np.testing.assert_allclose(rate(steps), want, rtol=1e-5)
    assert rate(80) == rate(0) and rate(100) == pytest.approx(0.001)
    without = schedule.Schedule("exponential", final_factor=0.04)
    rate = schedule.learning_rate_schedule(without, 0.005, 100)
    np.testing.assert_allclose(rate(50), 0.001, rtol=1e-5)


def test_the_rate_is_proportional_to_the_batch_and_configured_for_the_full_one():
    assert schedule.scaled_learning_rate(0.08, 4) == pytest.approx(0.02)
    assert schedule.scaled_learning_rate(0.08, schedule.FULL_SCHEDULE_BATCH) == 0.08


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        ({"kind": "linear"}, "config.train.schedule: .*'linear'"),
        ({"power": 0.0}, "config.train.schedule_power: .* is 0.0"),
        ({"final_factor": -1}, "config.train.schedule_final_factor: .* is -1"),
    ],
)
def test_a_schedule_that_means_nothing_is_bad_input(options, reason):
    with pytest.raises(InputError, match=reason):
        make(**options)


def test_the_schedule_may_begin_when_the_warm_up_ends_and_a_delay_comes_before_it():
    how = schedule.Schedule(
        "polynomial", warmup_steps=10, warmup_factor=0.0, power=1.0, after_warmup=True, delay=5
    )
    rate = schedule.learning_rate_schedule(how, 1.0, 115)
    steps = [0, 4, 5, 10, 15, 65, 115]
    want = [0, 0, 0, 0.5, 1, 0.5, 0]
    np.testing.assert_allclose([float(rate(s)) for s in steps], want, atol=1e-6)
