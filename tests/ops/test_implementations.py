"""Every way of computing an operation beside its definition in float64, values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ops.float64 import float64
from ops.naive import naive_correlation, naive_deform_conv

from ovis_jax.ops import deform_conv_gather, implementations
from ovis_jax.ops.correlation import correlation
from ovis_jax.ops.deform_conv import deform_conv
from ovis_jax.ops.deform_conv_windows import in_windows
from ovis_jax.ops.platforms import PLATFORMS, platform, traced_for

ACCELERATORS = ("gpu", "tpu")
on_accelerators = pytest.mark.parametrize("kind", ACCELERATORS)


def random(*shape, seed=0, scale=1.0):
    return np.random.default_rng(seed).normal(scale=scale, size=shape)


def value_and_gradients(function, arguments, cotangent):
    """In float64."""
    with float64():
        arguments = [jnp.asarray(x) for x in arguments]
        value, pullback = jax.vjp(jax.jit(function), *arguments)
        return value, pullback(jnp.asarray(cotangent))


def deformed(way):
    """Deformable convolution that always takes one way, whatever the device and the type."""

    def convolve(features, offsets, kernel):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(implementations, "deform_conv", lambda features: way)
            return deform_conv(features, offsets, kernel)

    return convolve


@pytest.mark.parametrize("spread", [0.5, 12.0])
def test_deformable_convolution(spread):
    offsets = random(2, 9, 18, 18, seed=1, scale=spread)
    offsets[0, 2, 3, :2], offsets[0, 4, 5, 2:4] = 0, (1, -2)  # where the slopes jump
    arguments = random(2, 9, 18, 3), offsets, random(3, 3, 3, 4, seed=2)
    ways = deform_conv_gather.tap_by_tap, deform_conv_gather.all_taps_at_once, in_windows
    want, cotangent = naive_deform_conv(*arguments), random(2, 9, 18, 4, seed=9)
    found = [value_and_gradients(deformed(way), arguments, cotangent) for way in ways]
    for value, gradients in found:
        np.testing.assert_allclose(value, want, atol=1e-9)
        for ours, theirs in zip(gradients, found[0][1], strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-9)


@pytest.mark.parametrize("displacements, dilation", [(4, 2), (5, 1)])
def test_correlation(displacements, dilation):
    arguments = random(2, 9, 19, 3), random(2, 9, 19, 3, seed=1)
    want = naive_correlation(*arguments, displacements, dilation)
    cotangent, found = random(*want.shape, seed=9), []
    for kind in PLATFORMS:
        with traced_for(kind):

            def compared(query, reference):
                return correlation(query, reference, displacements, dilation)

            found.append(value_and_gradients(compared, arguments, cotangent))
    for value, gradients in found:
        np.testing.assert_allclose(value, want, atol=1e-9)
        for ours, theirs in zip(gradients, found[0][1], strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-9)


@on_accelerators
def test_bfloat16_comes_out_as_such_and_near_the_exact_value(kind):
    features, reference = (jnp.asarray(random(1, 9, 18, 4, seed=i), jnp.bfloat16) for i in (0, 1))
    offsets = jnp.asarray(random(1, 9, 18, 18, seed=2), jnp.float32)
    kernel = jnp.asarray(random(3, 3, 4, 4, seed=3), jnp.bfloat16)
    exact = [np.asarray(x, np.float64) for x in (features, reference, offsets, kernel)]

    def outputs(features, reference, offsets, kernel):
        moved = deform_conv(features, offsets, kernel)
        return moved, correlation(features, reference, 4, 2)

    with traced_for(kind):
        program = jax.jit(outputs)
        try:
            moved, compared = jax.block_until_ready(program(features, reference, offsets, kernel))
        except jax.errors.JaxRuntimeError as error:
            if "DotThunk::Execute: BF16 x BF16 = F32" not in str(error):
                raise
            pytest.skip("jaxlib 0.12's CPU runtime lacks a product that is made for TPUs")
    for got, want in (
        (moved, naive_deform_conv(exact[0], exact[2], exact[3])),
        (compared, naive_correlation(exact[0], exact[1], 4, 2)),
    ):
        assert got.dtype == jnp.bfloat16
        atol = 2**-7 * np.abs(want).max()
        np.testing.assert_allclose(np.asarray(got, np.float64), want, atol=atol)


@pytest.mark.parametrize("way", [deform_conv_gather.all_taps_at_once, in_windows])
def test_points_that_are_not_numbers_read_zero_and_pass_no_gradient(way):
    offsets = random(1, 9, 18, 18, seed=1)
    offsets[0, 4, 7, 8:10] = np.nan
    far = np.where(np.isnan(offsets), 1e6, offsets)
    arguments = random(1, 9, 18, 3), random(3, 3, 3, 4, seed=2)

    def score(offsets):
        return deformed(way)(arguments[0], offsets, arguments[1]).sum()

    score_and_gradient = jax.jit(jax.value_and_grad(score))
    got, want = (score_and_gradient(jnp.asarray(x)) for x in (offsets, far))
    jax.tree.map(np.testing.assert_array_equal, got, want)


def test_maps_under_vmap_equal_one_at_a_time_in_windows():
    maps, kernel = random(2, 1, 9, 18, 3), random(3, 3, 3, 4, seed=2)
    offsets = random(2, 1, 9, 18, 18, seed=1, scale=8.0)

    def moved(features, offsets):
        arguments = features, offsets, kernel
        return deformed(in_windows)(*(jnp.asarray(x, jnp.float32) for x in arguments))

    together = jax.jit(jax.vmap(moved))(maps, offsets)
    alone = jax.jit(moved)(maps[1], offsets[1])
    np.testing.assert_allclose(together[1], alone, atol=1e-5)


def test_the_default_is_the_device_at_hand_and_an_unknown_one_is_refused():
    assert platform() == jax.default_backend()
    with traced_for("tpu"):
        assert platform() == "tpu"
        level = jnp.zeros((1, 12, 20, 8), jnp.bfloat16)
        assert implementations.deform_conv(level) is in_windows
        exact = implementations.deform_conv(level.astype(jnp.float32))
        assert exact is deform_conv_gather.tap_by_tap
        assert not implementations.one_canvas()
    with traced_for("gpu"):
        assert implementations.one_canvas()
    assert platform() == jax.default_backend()
    assert not implementations.one_canvas()
    with pytest.raises(ValueError, match="'abacus'"), traced_for("abacus"):
        pass
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jax, "default_backend", lambda: "METAL")
        assert platform() == "cpu"
    assert set(ACCELERATORS) < set(PLATFORMS)
