"""Every way of computing an operation beside its definition in float64, values and gradients."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ops.float64 import float64
from ops.naive import naive_correlation, naive_deform_conv, naive_roi_align

from ovis_jax.ops import deform_conv_windows, implementations
from ovis_jax.ops.boxes import INCLUSIVE
from ovis_jax.ops.correlation import correlation
from ovis_jax.ops.deform_conv import deform_conv
from ovis_jax.ops.platforms import PLATFORMS, platform, traced_for
from ovis_jax.ops.roi_align import assign_levels, roi_align

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


def assert_follows(kinds, function, arguments, want, atol=1e-9):
    """Values equal `want`, and gradients are those of the way that CPUs take."""
    cotangent = random(*want.shape, seed=9)
    found = {}
    for name in ("cpu", *kinds):
        with traced_for(name):
            own = lambda *x: function(*x)  # noqa: E731  traced anew
            found[name] = value_and_gradients(own, arguments, cotangent)
    for kind in kinds:
        np.testing.assert_allclose(found[kind][0], want, atol=atol)
        for ours, theirs in zip(found[kind][1], found["cpu"][1], strict=True):
            np.testing.assert_allclose(ours, theirs, atol=atol)


@pytest.mark.parametrize("spread, kinds", [(0.5, ("tpu",)), (12.0, ACCELERATORS)])
def test_deformable_convolution(spread, kinds):
    offsets = random(2, 9, 18, 18, seed=1, scale=spread)
    offsets[0, 2, 3, :2], offsets[0, 4, 5, 2:4] = 0, (1, -2)  # where the slopes jump
    arguments = random(2, 9, 18, 3), offsets, random(3, 3, 3, 4, seed=2)
    assert_follows(kinds, deform_conv, arguments, naive_deform_conv(*arguments))


@pytest.mark.parametrize("displacements, dilation", [(4, 2), (5, 1)])
def test_correlation(displacements, dilation):
    arguments = random(2, 9, 19, 3), random(2, 9, 19, 3, seed=1)
    want = naive_correlation(*arguments, displacements, dilation)

    def compared(query, reference):
        return correlation(query, reference, displacements, dilation)

    assert_follows(ACCELERATORS, compared, arguments, want)


def test_roi_align_by_products():
    strides, size = (4, 8), 3
    pyramid = random(24, 32, 3), random(12, 16, 3, seed=1)
    corners = np.random.default_rng(0).uniform(-20, 140, (160, 2))  # more than one group
    sides = np.random.default_rng(1).uniform(0, 150, (160, 2))
    rois = np.concatenate([corners, corners + sides], 1)
    levels = assign_levels(jnp.asarray(rois), 2, convention=INCLUSIVE)
    want = [
        naive_roi_align(pyramid[level], strides[level], roi, size, True)
        for roi, level in zip(rois, levels, strict=True)
    ]

    def pooled(*levels):
        return roi_align(levels, strides, jnp.asarray(rois), size, convention=INCLUSIVE)

    # Places are computed with the float32 scales of the levels.
    assert_follows(("tpu",), pooled, pyramid, np.array(want), atol=1e-5)


@on_accelerators
def test_bfloat16_comes_out_as_such_and_near_the_exact_value(kind):
    features, reference = (jnp.asarray(random(1, 9, 18, 4, seed=i), jnp.bfloat16) for i in (0, 1))
    offsets = jnp.asarray(random(1, 9, 18, 18, seed=2), jnp.float32)
    kernel = jnp.asarray(random(3, 3, 4, 4, seed=3), jnp.bfloat16)
    exact = [np.asarray(x, np.float64) for x in (features, reference, offsets, kernel)]
    rois = jnp.asarray([[4.0, 4.0, 60.0, 30.0]])

    def outputs(features, reference, offsets, kernel):
        moved = deform_conv(features, offsets, kernel)
        compared = correlation(features, reference, 4, 2)
        return moved, compared, roi_align([features[0]], [4], rois, 3, convention=INCLUSIVE)

    with traced_for(kind):
        moved, compared, pooled = jax.jit(outputs)(features, reference, offsets, kernel)
    for got, want in (
        (moved, naive_deform_conv(exact[0], exact[2], exact[3])),
        (compared, naive_correlation(exact[0], exact[1], 4, 2)),
        (pooled, naive_roi_align(exact[0][0], 4, np.asarray(rois[0]), 3, True)[None]),
    ):
        assert got.dtype == jnp.bfloat16
        atol = 2**-7 * np.abs(want).max()
        np.testing.assert_allclose(np.asarray(got, np.float64), want, atol=atol)


@on_accelerators
def test_points_that_are_not_numbers_read_zero_and_pass_no_gradient(kind):
    offsets = random(1, 9, 18, 18, seed=1)
    offsets[0, 4, 7, 8:10] = np.nan
    far = np.where(np.isnan(offsets), 1e6, offsets)
    arguments = random(1, 9, 18, 3), random(3, 3, 3, 4, seed=2)

    def score(offsets):
        with traced_for(kind):
            return deform_conv(arguments[0], offsets, arguments[1]).sum()

    score_and_gradient = jax.jit(jax.value_and_grad(score))
    got, want = (score_and_gradient(jnp.asarray(x)) for x in (offsets, far))
    jax.tree.map(np.testing.assert_array_equal, got, want)


def test_maps_under_vmap_equal_one_at_a_time_in_windows():
    maps, kernel = random(2, 1, 9, 18, 3), random(3, 3, 3, 4, seed=2)
    offsets = random(2, 1, 9, 18, 18, seed=1, scale=8.0)

    def moved(features, offsets):
        return deform_conv(jnp.asarray(features), jnp.asarray(offsets), jnp.asarray(kernel))

    with traced_for("tpu"):
        together = jax.jit(jax.vmap(moved))(jnp.asarray(maps), jnp.asarray(offsets))
        alone = jax.jit(moved)(maps[1], offsets[1])
    np.testing.assert_allclose(together[1], alone, atol=1e-5)


def test_the_default_is_the_device_at_hand_and_an_unknown_one_is_refused():
    assert platform() == jax.default_backend()
    with traced_for("tpu"):
        assert platform() == "tpu"
        assert implementations.deform_conv((1, 96, 160, 8)) is deform_conv_windows.in_windows
        assert implementations.one_canvas()
    assert platform() == jax.default_backend()
    assert not implementations.one_canvas()
    with pytest.raises(ValueError, match="'abacus'"), traced_for("abacus"):
        pass
    assert set(ACCELERATORS) < set(PLATFORMS)
