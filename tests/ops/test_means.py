import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.ops.means import Mean


def test_the_mean_of_an_array_is_that_of_all_its_values():
    values = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    np.testing.assert_allclose(Mean.of(jnp.asarray(values)).value, values.mean(), rtol=1e-6)


def test_means_of_parts_add_up_whatever_their_sizes():
    values = jnp.arange(7.0)
    together = Mean.of(values[:2]) + Mean.of(values[2:2]) + Mean.of(values[2:])
    assert together.value == 3


@pytest.mark.parametrize("count", [0, jnp.int32(0), jnp.float32(0)])
def test_a_mean_of_nothing_is_zero(count):
    assert Mean(jnp.float32(0), count).value == 0


def test_weights_may_add_up_to_less_than_one():
    assert Mean(jnp.float32(0.5), jnp.float32(0.25)).value == 2


def test_a_weight_scales_the_value_and_not_the_count():
    doubled = Mean(6.0, 3).weighted(2)
    assert (doubled.value, doubled.count) == (4, 3)
