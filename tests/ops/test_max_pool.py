"""Every program of max-pooling beside its definition, values and gradients."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.ops import implementations, max_pool
from ovis_jax.ops.platforms import PLATFORMS, traced_for

WAYS = (max_pool.by_selection, max_pool.by_comparison)


def naive(x, cotangent_of, size, stride, pad):
    """Largest values, and the gradient for cotangents [B, h, w, C]; windows one by one."""
    batch, height, width, channels = x.shape
    rows, columns = ((n + 2 * pad - size) // stride + 1 for n in (height, width))
    out, gradient = np.empty((batch, rows, columns, channels), x.dtype), np.zeros_like(x)
    cotangent = cotangent_of(out.shape)
    for b, i, j, c in np.ndindex(out.shape):
        cells = [
            (y, z)
            for y in range(stride * i - pad, stride * i - pad + size)
            for z in range(stride * j - pad, stride * j - pad + size)
            if 0 <= y < height and 0 <= z < width
        ]
        y, z = max(cells, key=lambda cell: x[b, *cell, c])  # the first of equal ones
        out[b, i, j, c] = x[b, y, z, c]
        gradient[b, y, z, c] += cotangent[b, i, j, c]
    return out, cotangent, gradient


def value_and_gradient(way, x, cotangent, *window):
    value, pullback = jax.vjp(lambda x: way(x, *window), x)
    return value, pullback(cotangent)[0]


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from([(3, 2, 1), (2, 2, 0), (3, 1, 1), (2, 3, 0), (3, 2, 0)]),
    st.integers(0, 9),
)
def test_all_ways_follow_the_definition(height, width, window, seed):
    size, _, pad = window
    height, width = (max(n, size - 2 * pad) for n in (height, width))
    rng = np.random.default_rng(seed)
    # Few different values: equal ones meet in many windows.
    x = rng.integers(-2, 2, size=(2, height, width, 2)).astype(np.float32)
    want, cotangent, gradient = naive(
        x, lambda shape: rng.integers(1, 9, size=shape).astype(np.float32), *window
    )
    for way in WAYS:
        value, own = value_and_gradient(way, jnp.asarray(x), jnp.asarray(cotangent), *window)
        np.testing.assert_array_equal(value, want)
        np.testing.assert_array_equal(own, gradient)


def test_no_gradient_is_lost_where_the_map_is_made_in_the_same_program():
    """The compiler may make the map once more for the gradient, and round it otherwise."""
    keys = jax.random.split(jax.random.key(0), 4)
    shapes = (2, 24, 40, 16), (3, 3, 16, 16), (16,), (16,)
    given = [jax.random.normal(key, shape) for key, shape in zip(keys, shapes, strict=True)]

    def total(way, x, kernel, scale, bias):
        order = ("NHWC", "HWIO", "NHWC")
        y = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=order)
        y = (y - y.mean((1, 2), keepdims=True)) * jax.lax.rsqrt(y.var((1, 2), keepdims=True) + 1e-5)
        pooled = way(jax.nn.relu(y * scale + bias), 3, 2, 1)
        return jnp.sum(pooled * jnp.sin(jnp.arange(pooled.size).reshape(pooled.shape)))

    # As users compile: the tests' quick way makes nothing twice.
    optimised = {"xla_backend_optimization_level": 3}
    want, got = (
        jax.jit(jax.grad(functools.partial(total, way), argnums=3))
        .lower(*given)
        .compile(compiler_options=optimised)(*given)
        for way in WAYS
    )
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4 * np.abs(want).max())


def test_in_bfloat16_values_and_gradients_keep_their_type():
    x = jnp.asarray(np.random.default_rng(0).normal(size=(1, 6, 8, 3)), jnp.bfloat16)
    for way in WAYS:
        value, gradient = value_and_gradient(way, x, jnp.ones((1, 3, 4, 3), jnp.bfloat16), 3, 2, 1)
        assert value.dtype == gradient.dtype == jnp.bfloat16
        assert float(gradient.astype(jnp.float32).sum()) == 36


def test_accelerators_keep_the_operation_that_they_have():
    found = {}
    for kind in PLATFORMS:
        with traced_for(kind):
            found[kind] = implementations.max_pool()
    assert found == {"cpu": WAYS[1], "gpu": WAYS[0], "tpu": WAYS[0]}
