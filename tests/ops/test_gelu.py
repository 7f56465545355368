"""GELU beside its definition in float64."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from ops.float64 import float64

from ovis_jax.ops.gelu import gelu

X = np.linspace(-8, 8, 801)
BELOW = np.array([0.5 * (1 + math.erf(x / math.sqrt(2))) for x in X])  # the normal distribution's


def test_values_and_slopes_follow_the_definition():
    with float64():
        x = jnp.asarray(X)
        np.testing.assert_allclose(gelu(x), X * BELOW, atol=1e-14)
        density = np.exp(-(X**2) / 2) / math.sqrt(2 * math.pi)
        slopes = jax.vmap(jax.grad(gelu))(x)
        np.testing.assert_allclose(slopes, BELOW + X * density, atol=1e-14)


def test_float32_is_near_the_definition():
    ours = jax.jit(gelu)(jnp.asarray(X, jnp.float32))
    np.testing.assert_allclose(ours, X * BELOW, rtol=3e-7, atol=1e-6)


def test_bfloat16_is_rounded_once():
    x = jnp.asarray(X, jnp.bfloat16)
    exact = gelu(x.astype(jnp.float32))
    assert gelu(x).dtype == jnp.bfloat16
    np.testing.assert_array_equal(jax.jit(gelu)(x), exact.astype(jnp.bfloat16))
