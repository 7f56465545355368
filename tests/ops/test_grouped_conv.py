"""Every program of a grouped convolution beside its definition in float64."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ops.float64 import float64

from ovis_jax.ops import grouped_conv, implementations
from ovis_jax.ops.platforms import PLATFORMS, traced_for

WAYS = (grouped_conv.with_groups, grouped_conv.in_blocks, grouped_conv.tap_by_tap)


def naive(x, kernel, groups, stride, dilation=1):
    size, _, own, features = kernel.shape
    batch, height, width, _ = x.shape
    pad = dilation * (size // 2)
    rows, columns = -(-height // stride), -(-width // stride)
    out = np.zeros((batch, rows, columns, features))
    for b, i, j, f in np.ndindex(out.shape):
        first = f // (features // groups) * own
        for y, z in np.ndindex(size, size):
            at = stride * i + dilation * y - pad, stride * j + dilation * z - pad
            if 0 <= at[0] < height and 0 <= at[1] < width:
                out[b, i, j, f] += x[b, at[0], at[1], first : first + own] @ kernel[y, z, :, f]
    return out


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_all_ways_follow_the_definition_and_have_one_gradient(stride, dilation, monkeypatch):
    monkeypatch.setattr(grouped_conv, "LANES", 4)  # two groups in a block
    rng = np.random.default_rng(0)
    x, kernel = rng.normal(size=(1, 5, 6, 8)), rng.normal(size=(3, 3, 2, 12))
    want = naive(x, kernel, 4, stride, dilation)
    cotangent, gradients = rng.normal(size=want.shape), []
    with float64():
        for way in WAYS:
            function = jax.jit(lambda x, kernel, way=way: way(x, kernel, 4, stride, dilation))
            got, pullback = jax.vjp(function, jnp.asarray(x), jnp.asarray(kernel))
            np.testing.assert_allclose(got, want, atol=1e-10)
            gradients.append(pullback(jnp.asarray(cotangent)))
    for own in gradients[1:]:
        jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-10), own, gradients[0])


@pytest.mark.parametrize(("stride", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_channels_for_themselves_follow_the_definition_in_blocks(stride, dilation):
    rng = np.random.default_rng(2)
    x, kernel = rng.normal(size=(2, 5, 6, 4)), rng.normal(size=(3, 3, 1, 4))
    want = naive(x, kernel, 4, stride, dilation)
    cotangent, gradients = rng.normal(size=want.shape), []
    with float64():
        for way in (grouped_conv.in_blocks, grouped_conv.with_groups):
            function = jax.jit(lambda x, kernel, way=way: way(x, kernel, 4, stride, dilation))
            got, pullback = jax.vjp(function, jnp.asarray(x), jnp.asarray(kernel))
            np.testing.assert_allclose(got, want, atol=1e-10)
            gradients.append(pullback(jnp.asarray(cotangent)))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-10), *gradients)


def test_sums_of_bfloat16_are_rounded_once():
    rng = np.random.default_rng(3)
    x, kernel = (
        jnp.asarray(rng.normal(size=shape), jnp.bfloat16) for shape in [(1, 6, 5, 4), (3, 3, 1, 4)]
    )
    exact = naive(np.asarray(x, float), np.asarray(kernel, float), 4, 1)
    ours = jax.jit(grouped_conv.all_taps, static_argnums=2)(x, kernel, 4)
    assert ours.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.asarray(ours, float), exact, rtol=2**-8, atol=1e-6)


def test_each_platform_has_a_way():
    found = []
    for kind in PLATFORMS:
        with traced_for(kind):
            found.append(implementations.grouped_convolution())
    assert set(found) == set(WAYS)


@pytest.mark.parametrize("dilation", [1, 3])  # the latter reaches beyond the map
def test_channels_for_themselves_follow_the_definition_row_by_row(dilation):
    rng = np.random.default_rng(1)
    x, kernel = rng.normal(size=(2, 6, 5, 4)), rng.normal(size=(5, 5, 1, 4))
    want = naive(x, kernel, 4, 1, dilation)
    cotangent, dx, dk = (rng.normal(size=own.shape) for own in (want, x, kernel))
    with float64():
        function = functools.partial(grouped_conv.row_by_row, dilation=dilation)
        got, pullback = jax.vjp(function, jnp.asarray(x), jnp.asarray(kernel))
        of_x, of_kernel = map(np.asarray, pullback(jnp.asarray(cotangent)))
    np.testing.assert_allclose(got, want, atol=1e-10)
    # It is linear in either: a step in one changes the output by that of the step alone.
    by_x, by_kernel = naive(dx, kernel, 4, 1, dilation), naive(x, dk, 4, 1, dilation)
    np.testing.assert_allclose(np.sum(of_x * dx), np.sum(cotangent * by_x), atol=1e-8)
    np.testing.assert_allclose(np.sum(of_kernel * dk), np.sum(cotangent * by_kernel), atol=1e-8)


@pytest.mark.parametrize(("own", "groups", "want"), [(4, 64, 2), (16, 32, 4), (32, 32, 32)])
def test_narrow_groups_are_joined_and_wide_ones_are_not(own, groups, want):
    x = jax.ShapeDtypeStruct((1, 4, 4, own * groups), jnp.float32)
    kernel = jax.ShapeDtypeStruct((3, 3, own, own * groups), jnp.float32)
    program = jax.make_jaxpr(lambda x, kernel: grouped_conv.in_blocks(x, kernel, groups))(x, kernel)
    (convolution,) = (e for e in program.eqns if e.primitive.name == "conv_general_dilated")
    assert convolution.params["feature_group_count"] == want
