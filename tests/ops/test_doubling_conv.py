"""Both programs of the transposed 2x2 convolution beside its definition in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ops.float64 import float64

from ovis_jax.ops import doubling_conv, implementations
from ovis_jax.ops.platforms import traced_for


def naive(x, kernel):
    batch, height, width, _ = x.shape
    out = np.zeros((batch, 2 * height, 2 * width, kernel.shape[-1]))
    for b, i, j in np.ndindex(out.shape[:3]):
        out[b, i, j] = x[b, i // 2, j // 2] @ kernel[i % 2, j % 2]
    return out


@pytest.mark.parametrize("double", [doubling_conv.at_once, doubling_conv.by_output_rows])
def test_an_output_is_the_product_of_its_cell_with_the_kernel_of_its_place(double):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(2, 3, 5, 4)), rng.normal(size=(2, 2, 4, 6))
    cotangent, dx, dk = (rng.normal(size=s) for s in [(2, 6, 10, 6), x.shape, kernel.shape])
    with float64():
        got, pullback = jax.vjp(jax.jit(double), jnp.asarray(x), jnp.asarray(kernel))
        of_x, of_kernel = map(np.asarray, pullback(jnp.asarray(cotangent)))
    np.testing.assert_allclose(got, naive(x, kernel), atol=1e-12)
    # It is linear in either: a step in one changes the output by that of the step alone.
    np.testing.assert_allclose(np.sum(of_x * dx), np.sum(cotangent * naive(dx, kernel)))
    np.testing.assert_allclose(np.sum(of_kernel * dk), np.sum(cotangent * naive(x, dk)))


@pytest.mark.parametrize(
    "platform, shape, chosen",
    [
        ("tpu", (1, 34, 62, 8), doubling_conv.by_output_rows),
        ("tpu", (100, 14, 14, 8), doubling_conv.at_once),  # masks of regions
        ("gpu", (1, 34, 62, 8), doubling_conv.at_once),
    ],
)
def test_large_maps_on_tpus_are_doubled_by_rows(platform, shape, chosen):
    with traced_for(platform):
        assert implementations.doubling_convolution(jnp.ones(shape)) is chosen
