"""Deformable convolution."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_folder import golden_arrays
from ops.float64 import float64
from ops.naive import naive_deform_conv

from ovis_jax.ops.deform_conv import deform_conv


def random_inputs(height=5, width=6, spread=3.0):
    rng = np.random.default_rng(0)
    features = rng.normal(size=(2, height, width, 3))
    offsets = rng.normal(scale=spread, size=(2, height, width, 18))
    return features, offsets, rng.normal(size=(3, 3, 3, 4))


@pytest.mark.parametrize("spread", [0.3, 3.0, 30.0])
def test_deform_conv_follows_its_definition_also_beyond_the_border(spread):
    inputs = random_inputs(spread=spread)
    got = deform_conv(*map(jnp.asarray, inputs))
    np.testing.assert_allclose(got, naive_deform_conv(*inputs), atol=1e-4)


def test_without_offsets_it_is_a_convolution():
    features, offsets, kernel = (jnp.asarray(x, jnp.float32) for x in random_inputs())
    want = jax.lax.conv_general_dilated(
        features, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )
    np.testing.assert_allclose(deform_conv(features, 0 * offsets, kernel), want, atol=1e-5)


def test_deform_conv_equals_the_recorded_output():
    data = golden_arrays("cmasktrack_rcnn", "ops.npz")
    features, offsets, want = (
        jnp.moveaxis(data[f"deform_conv/{name}"], 1, -1) for name in ("x", "offsets", "out")
    )
    kernel = jnp.asarray(data["deform_conv/weight"].transpose(2, 3, 1, 0))
    np.testing.assert_allclose(deform_conv(features, offsets, kernel), want, atol=2e-5)


def test_the_gradient_equals_finite_differences_also_at_the_border():
    with float64():
        inputs = [jnp.asarray(x) for x in random_inputs(3, 4, spread=1.0)]
        weights = jnp.asarray(np.random.default_rng(1).normal(size=(2, 3, 4, 4)))

        @jax.jit
        def score(*arguments):
            return (deform_conv(*arguments) * weights).sum()

        gradients = jax.grad(score, (0, 1, 2))(*inputs)
        rng = np.random.default_rng(2)
        for argument, gradient in enumerate(gradients):
            for flat in rng.choice(gradient.size, min(60, gradient.size), replace=False):
                index = np.unravel_index(flat, gradient.shape)
                ends = []
                for step in (1e-6, -1e-6):
                    moved = list(inputs)
                    moved[argument] = moved[argument].at[index].add(step)
                    ends.append(score(*moved))
                np.testing.assert_allclose(gradient[index], (ends[0] - ends[1]) / 2e-6, atol=1e-6)


def test_offsets_of_another_kernel_are_refused():
    features, offsets, kernel = map(jnp.asarray, random_inputs())
    with pytest.raises(ValueError, match="offsets"):
        deform_conv(features, offsets[..., :10], kernel)


def test_an_offset_that_is_not_a_number_reads_zero_and_touches_nothing_else():
    features, offsets, kernel = (jnp.asarray(x, jnp.float32) for x in random_inputs(spread=1.0))
    tap = (0, 2, 3, slice(8, 10))  # the middle tap of one position

    def gradients(value):
        def score(*inputs):
            return (deform_conv(*inputs) ** 2).sum()

        inputs = (features, offsets.at[tap].set(value), kernel)
        return deform_conv(*inputs), jax.grad(score, (0, 1, 2))(*inputs)

    far = gradients(1e4)  # outside the map, so zero as well
    for value in (jnp.nan, jnp.inf, -jnp.inf):
        jax.tree.map(np.testing.assert_array_equal, gradients(value), far)
    assert all(np.isfinite(x).all() for x in far[1])
    np.testing.assert_array_equal(far[1][1][tap], 0)


def test_bfloat16_is_summed_in_float32_and_keeps_exact_positions():
    inputs = [jnp.asarray(x, jnp.bfloat16) for x in random_inputs(height=40, spread=5.0)]
    got, pullback = jax.vjp(deform_conv, *inputs)
    want = naive_deform_conv(*(np.asarray(x, np.float64) for x in inputs))
    assert got.dtype == jnp.bfloat16
    np.testing.assert_allclose(got.astype(np.float32), want, atol=2**-7 * np.abs(want).max())
    exact = [x.astype(jnp.float32) for x in inputs]
    wanted = jax.vjp(deform_conv, *exact)[1](jnp.ones(got.shape))
    for ours, theirs in zip(pullback(jnp.ones_like(got)), wanted, strict=True):
        assert ours.dtype == jnp.bfloat16
        scale = np.abs(theirs).max()
        np.testing.assert_allclose(ours.astype(np.float32), theirs, atol=2**-6 * scale)


def test_many_maps_under_vmap_equal_one_at_a_time():
    features, offsets, kernel = (jnp.asarray(x, jnp.float32) for x in random_inputs())
    maps, shifts = jnp.stack([features, -features]), jnp.stack([offsets, 0.5 * offsets])

    def score(f, o):
        return (deform_conv(f, o, kernel) ** 2).sum()

    together = jax.vmap(jax.value_and_grad(score, (0, 1)))(maps, shifts)
    for i in range(2):
        alone = jax.value_and_grad(score, (0, 1))(maps[i], shifts[i])
        for ours, one in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
            np.testing.assert_allclose(ours[i], one, rtol=1e-4, atol=1e-4)


def test_groups_of_offsets_move_their_own_channels():
    rng = np.random.default_rng(0)
    features, kernel = rng.normal(size=(2, 5, 6, 4)), rng.normal(size=(3, 3, 4, 3))
    offsets = rng.normal(scale=2.0, size=(2, 5, 6, 36))
    want = sum(
        naive_deform_conv(
            features[..., 2 * g : 2 * g + 2],
            offsets[..., 18 * g : 18 * g + 18],
            kernel[:, :, 2 * g : 2 * g + 2],
        )
        for g in range(2)
    )
    np.testing.assert_allclose(
        deform_conv(*map(jnp.asarray, (features, offsets, kernel))), want, atol=1e-4
    )


def test_groups_that_cannot_share_the_channels_are_refused():
    features, offsets, kernel = map(jnp.asarray, random_inputs())
    with pytest.raises(ValueError, match="equal share of the 3 channels"):
        deform_conv(features, jnp.tile(offsets, 2), kernel)


def test_modulation_follows_its_definition_in_value_and_gradient():
    features, offsets, kernel = random_inputs(3, 4, spread=1.0)
    modulation = np.random.default_rng(4).uniform(size=(2, 3, 4, 9))
    modulation[0, 1, 2, 4] = 0
    weights = np.random.default_rng(5).normal(size=(2, 3, 4, 4))
    arguments = features, offsets, kernel, modulation
    with float64():
        arguments = [jnp.asarray(x) for x in arguments]
        got, pullback = jax.vjp(jax.jit(deform_conv), *arguments)
        gradients = jax.tree.map(np.asarray, pullback(jnp.asarray(weights)))
    np.testing.assert_allclose(got, naive_deform_conv(*map(np.asarray, arguments)), atol=1e-9)
    rng = np.random.default_rng(6)
    for number, gradient in enumerate(gradients):
        direction = rng.normal(size=gradient.shape)
        ends = []
        for step in (1e-6, -1e-6):
            moved = [np.array(x) for x in arguments]
            moved[number] += step * direction
            ends.append((naive_deform_conv(*moved) * weights).sum())
        np.testing.assert_allclose(
            (gradient * direction).sum(), (ends[0] - ends[1]) / 2e-6, rtol=1e-5
        )


def test_taps_of_factor_zero_add_nothing_but_their_factors_have_a_gradient():
    features, offsets, kernel = (jnp.asarray(x, jnp.float32) for x in random_inputs(spread=0.5))
    none = jnp.zeros((2, 5, 6, 9))

    def score(modulation):
        return deform_conv(features, offsets, kernel, modulation).sum()

    total, gradient = jax.jit(jax.value_and_grad(score))(none)
    assert total == 0
    ones = jax.jit(score)(none + 1)
    np.testing.assert_allclose(gradient.sum(), ones, rtol=1e-4)  # it is linear in the factors
    np.testing.assert_allclose(ones, deform_conv(features, offsets, kernel).sum(), rtol=1e-4)


def test_groups_have_factors_of_their_own():
    rng = np.random.default_rng(0)
    features, kernel = rng.normal(size=(1, 4, 5, 4)), rng.normal(size=(3, 3, 4, 3))
    offsets, modulation = rng.normal(size=(1, 4, 5, 36)), rng.uniform(size=(1, 4, 5, 18))
    want = sum(
        naive_deform_conv(
            features[..., 2 * g : 2 * g + 2],
            offsets[..., 18 * g : 18 * g + 18],
            kernel[:, :, 2 * g : 2 * g + 2],
            modulation[..., 9 * g : 9 * g + 9],
        )
        for g in range(2)
    )
    got = jax.jit(deform_conv)(*map(jnp.asarray, (features, offsets, kernel, modulation)))
    np.testing.assert_allclose(got, want, atol=1e-4)


def test_modulation_of_another_kernel_is_refused():
    features, offsets, kernel = map(jnp.asarray, random_inputs())
    with pytest.raises(ValueError, match=r"modulation .* expected \(2, 5, 6, 9\)"):
        deform_conv(features, offsets, kernel, offsets)


@pytest.mark.parametrize("modulated", [False, True])
def test_a_stride_leaves_out_positions(modulated):
    features, offsets, kernel = (jnp.asarray(x, jnp.float32) for x in random_inputs(spread=1.0))
    factors = (jnp.linspace(0, 1, offsets.size // 2).reshape(*offsets.shape[:3], 9),) * modulated
    kept = [x[:, ::2, ::2] for x in (offsets, *factors)]
    want = deform_conv(features, offsets, kernel, *factors)[:, ::2, ::2]
    got = deform_conv(features, kept[0], kernel, *kept[1:], stride=2)
    np.testing.assert_allclose(got, want, atol=1e-5)
    with pytest.raises(ValueError, match=r"expected \(2, 3, 3\)"):
        deform_conv(features, offsets, kernel, *factors, stride=2)
