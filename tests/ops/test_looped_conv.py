"""A convolution whose gradient is written out, beside the compiler's own and its definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from ops.float64 import float64

from ovis_jax.ops import implementations
from ovis_jax.ops.looped_conv import conv_general_dilated, in_library_order
from ovis_jax.ops.platforms import PLATFORMS, traced_for

PADDINGS = (((1, 1), (1, 1)), ((0, 0), (0, 0)), ((2, 0), (0, 1)))


def naive(x, kernel, padding):
    rows, columns = kernel.shape[:2]
    x = np.pad(x, ((0, 0), *padding, (0, 0)))
    height, width = x.shape[1] - rows + 1, x.shape[2] - columns + 1
    out = np.zeros((len(x), height, width, kernel.shape[3]))
    for i, j, y, z in np.ndindex(height, width, rows, columns):
        out[:, i, j] += x[:, i + y, j + z] @ kernel[y, z]
    return out


def plain(x, kernel, padding):
    order = ("NHWC", "HWIO", "NHWC")
    return jax.lax.conv_general_dilated(x, kernel, (1, 1), padding, dimension_numbers=order)


@pytest.mark.parametrize("padding", PADDINGS)
def test_values_follow_the_definition_and_gradients_are_those_of_the_compiler(padding):
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(2, 5, 6, 3)), rng.normal(size=(3, 2, 3, 4))
    want = naive(x, kernel, padding)
    cotangent = rng.normal(size=want.shape)
    with float64():
        given = jnp.asarray(x), jnp.asarray(kernel)
        got, pullback = jax.vjp(lambda *given: in_library_order(*given, padding), *given)
        np.testing.assert_allclose(got, want, atol=1e-12)
        _, other = jax.vjp(lambda *given: plain(*given, padding), *given)
        for ours, theirs in zip(pullback(cotangent), other(cotangent), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-12)


def test_gradients_in_a_loop_are_in_the_order_of_the_library():
    """The order that XLA's CPU compiler hands to its library without changing it."""

    def total(kernel, frames):
        def step(total, x):
            return total + jnp.sum(in_library_order(x, kernel, ((1, 1), (1, 1))) ** 2), None

        return jax.lax.scan(step, 0.0, frames)[0]

    shapes = jax.ShapeDtypeStruct((3, 3, 4, 5), "float32"), jnp.zeros((6, 2, 7, 7, 4))
    text = jax.jit(jax.grad(total)).lower(*shapes).as_text()
    orders = [
        line.split("dim_numbers = ")[1][:40] for line in text.splitlines() if "dim_num" in line
    ]
    assert len(orders) >= 2
    assert all(own.startswith("[b, 0, 1, f]x[0, 1, i, o]->[b, 0, 1, f]") for own in orders)


def test_a_layer_has_the_numbers_that_it_has_without():
    x = jax.random.normal(jax.random.key(0), (2, 5, 6, 3))
    own = nn.Conv(4, (3, 3), conv_general_dilated=conv_general_dilated)
    params = own.init(jax.random.key(1), x)
    other = nn.Conv(4, (3, 3))
    np.testing.assert_array_equal(own.apply(params, x), other.apply(params, x))


def test_what_is_not_supported_is_named():
    x = jnp.zeros((1, 5, 5, 2))
    for name, layer in {
        "window_strides": nn.Conv(2, (3, 3), 2, conv_general_dilated=conv_general_dilated),
        "rhs_dilation": nn.Conv(
            2, (3, 3), kernel_dilation=2, conv_general_dilated=conv_general_dilated
        ),
        "feature_group_count": nn.Conv(
            2, (3, 3), feature_group_count=2, conv_general_dilated=conv_general_dilated
        ),
    }.items():
        with pytest.raises(ValueError, match=name):
            layer.init(jax.random.key(0), x)


def test_other_platforms_keep_the_compiler_s_own():
    for kind in PLATFORMS:
        with traced_for(kind):
            assert (implementations.looped_convolution() is None) == (kind != "cpu")
