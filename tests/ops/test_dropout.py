import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.ops.dropout import dropout, split_keys

KEYS = jax.random.split(jax.random.key(3), 4)
X = jnp.asarray(np.random.default_rng(0).normal(size=(4, 300, 20)), jnp.float32)


def test_elements_are_dropped_at_the_rate_and_others_grow():
    out, x = np.asarray(dropout(X, KEYS, 0.25)), np.asarray(X)
    dropped = out == 0
    np.testing.assert_allclose(dropped.mean(axis=(1, 2)), 0.25, atol=0.03)
    np.testing.assert_allclose(out[~dropped], x[~dropped] / 0.75, rtol=1e-6)


@pytest.mark.parametrize(("keys", "rate"), [(None, 0.5), (KEYS, 0.0)])
def test_without_keys_or_rate_nothing_changes(keys, rate):
    assert dropout(X, keys, rate) is X


def test_the_masks_of_a_row_are_its_own_wherever_it_stands():
    whole = dropout(X, KEYS, 0.5)
    places = np.array([2, 0])
    np.testing.assert_array_equal(dropout(X[places], KEYS[places], 0.5), whole[places])
    assert ((whole[0] == 0) != (whole[1] == 0)).any()


def test_in_bfloat16_elements_grow_as_in_float32_and_are_rounded_once():
    x = X.astype(jnp.bfloat16)
    out = dropout(x, KEYS, 0.1)
    assert out.dtype == jnp.bfloat16
    whole = dropout(x.astype(jnp.float32), KEYS, 0.1).astype(jnp.bfloat16)
    np.testing.assert_array_equal(np.asarray(out, np.float32), np.asarray(whole, np.float32))


def test_what_is_dropped_has_no_gradient_even_if_it_is_no_number():
    x = jnp.where(dropout(jnp.ones_like(X), KEYS, 0.5) == 0, jnp.nan, X)
    value, gradient = jax.value_and_grad(lambda x: dropout(x, KEYS, 0.5).sum())(x)
    assert np.isfinite(value)
    np.testing.assert_array_equal(gradient, np.where(np.isnan(x), 0, 2))


def test_every_purpose_has_keys_of_its_own():
    keys = [KEYS, *split_keys(KEYS, 3)]
    numbers = np.concatenate([jax.random.key_data(own) for own in keys])
    assert len(np.unique(numbers, axis=0)) == 16
    assert split_keys(None, 2) == [None, None]
