"""Every program of a transposed convolution beside its definition in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ops.float64 import float64

from ovis_jax.ops import implementations, transposed_conv
from ovis_jax.ops.platforms import PLATFORMS, traced_for

WAYS = (transposed_conv.as_dilated, transposed_conv.by_phases)


def naive(x, kernel, factor):
    batch, height, width, channels = x.shape
    out = np.zeros((batch, factor * height, factor * width, channels))
    for i, j, u, v in np.ndindex(height, width, 2 * factor, 2 * factor):
        row, column = factor * i - factor // 2 + u, factor * j - factor // 2 + v
        if 0 <= row < out.shape[1] and 0 <= column < out.shape[2]:
            out[:, row, column] += x[:, i, j] * kernel[u, v, 0]
    return out


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_both_ways_follow_the_definition_and_have_one_gradient(factor):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(2, 3, 4, 5)), rng.normal(size=(2 * factor, 2 * factor, 1, 5))
    want = naive(x, kernel, factor)
    cotangent, gradients = rng.normal(size=want.shape), []
    with float64():
        for way in WAYS:
            got, pullback = jax.vjp(jax.jit(way), jnp.asarray(x), jnp.asarray(kernel))
            np.testing.assert_allclose(got, want, atol=1e-12)
            gradients.append(pullback(jnp.asarray(cotangent)))
    for one, other in zip(*gradients, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_each_platform_has_a_way():
    found = []
    for kind in PLATFORMS:
        with traced_for(kind):
            found.append(implementations.transposed_convolution())
    assert set(found) == set(WAYS)
