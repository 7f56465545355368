import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ops.float64 import float64

from ovis_jax.ops.compact import map_valid

CHUNK = 4


def energy(scale, x):
    """Sum over [..., C] of sines; not a number for NaN."""
    return jnp.sum(jnp.sin(scale * x), axis=-1)


@pytest.mark.parametrize("count", [0, 1, 4, 5, 11])
def test_values_and_gradients_are_those_of_the_valid_items_whatever_the_others_hold(count):
    rng = np.random.default_rng(count)
    valid = rng.permutation(11) < count
    x = jnp.asarray(rng.normal(size=(11, 3)), jnp.float32)
    clean, poisoned = (jnp.where(valid[:, None], x, fill) for fill in (0, jnp.nan))

    def total(scale, x):
        values = map_valid(lambda own: energy(scale, own), x, jnp.asarray(valid), CHUNK)
        return jnp.sum(values * jnp.arange(11)), values

    def want(scale, x):
        return jnp.sum(jnp.where(valid, energy(scale, x), 0) * jnp.arange(11))

    compute = jax.jit(jax.value_and_grad(total, argnums=(0, 1), has_aux=True))
    (_, values), (by_scale, by_items) = compute(0.7, poisoned)
    np.testing.assert_allclose(values, np.where(valid, energy(0.7, clean), 0), atol=1e-6)
    want_scale, want_items = jax.grad(want, argnums=(0, 1))(0.7, clean)
    np.testing.assert_allclose(by_scale, want_scale, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(by_items, want_items, rtol=1e-5, atol=1e-6)


def test_values_are_float32_also_where_arrays_are_float64():
    with float64():
        values = map_valid(lambda own: 2 * own, jnp.arange(5.0), jnp.arange(5) % 2 == 0, CHUNK)
    assert values.dtype == jnp.float32
    np.testing.assert_array_equal(values, [0, 0, 4, 0, 8])


def test_chunks_without_valid_items_are_skipped():
    seen = []

    def function(own):
        jax.debug.callback(lambda x: seen.append(len(x)), own)
        return own

    valid = jnp.arange(40) % 9 == 0
    map_valid(function, jnp.arange(40.0), valid, CHUNK).block_until_ready()
    jax.effects_barrier()
    assert seen == [CHUNK, CHUNK]


def test_what_is_kept_for_the_backward_pass_does_not_grow_with_the_number_of_chunks():
    def kept(count):
        def values(shared, items):
            return map_valid(lambda own: own @ shared @ shared.T[0], items, valid, CHUNK)

        valid = jnp.ones(count, bool)
        shapes = [jax.ShapeDtypeStruct(x, jnp.float32) for x in ((50, 50), (count, 50))]
        backward = jax.eval_shape(lambda *x: jax.vjp(values, *x)[1], *shapes)
        return sum(x.size for x in jax.tree.leaves(backward))

    few, many = kept(2 * CHUNK), kept(20 * CHUNK)
    assert many - few < 4 * 18 * CHUNK * 50  # the items themselves, and their places


def test_values_may_be_several_arrays():
    x = jnp.arange(12.0).reshape(6, 2)
    valid = jnp.array([True, False, True, True, False, True])

    def halves(own):
        return {"sums": own.sum(-1), "doubled": 2 * own}

    got = map_valid(halves, x, valid, CHUNK)
    np.testing.assert_array_equal(got["sums"], np.where(valid, x.sum(-1), 0))
    np.testing.assert_array_equal(got["doubled"], np.where(valid[:, None], 2 * x, 0))
