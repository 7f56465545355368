"""Correlation over a square of displacements."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_folder import golden_arrays
from ops.float64 import float64
from ops.naive import naive_correlation

from ovis_jax.ops.correlation import correlation, expected_displacement


def random_maps(shape=(2, 5, 7, 3)):
    rng = np.random.default_rng(0)
    return rng.normal(size=shape), rng.normal(size=shape)


@pytest.mark.parametrize(
    "displacements, dilation", [(4, 2), (3, 1), (5, 2), (16, 2), (3, 3), (1, 1)]
)
def test_correlation_follows_its_definition(displacements, dilation):
    query, reference = random_maps()
    want = naive_correlation(query, reference, displacements, dilation)
    got = correlation(jnp.asarray(query), jnp.asarray(reference), displacements, dilation)
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_patches_are_averaged_over_the_kernel_window():
    query, reference = random_maps()
    want = naive_correlation(query, reference, 3, 1, kernel_size=3)
    got = correlation(jnp.asarray(query), jnp.asarray(reference), 3, 1, kernel_size=3)
    np.testing.assert_allclose(got, want, atol=1e-5)


def test_correlation_equals_the_recorded_forward_and_true_gradient():
    data = golden_arrays("cmasktrack_rcnn", "ops.npz")
    query, reference, cotangent, want = (
        np.moveaxis(data[f"correlation/{name}"].reshape(1, -1, 9, 20), 1, -1)
        for name in ("query", "reference", "cotangent", "out")
    )
    channels = query.shape[-1]
    out, pullback = jax.vjp(correlation, jnp.asarray(query), jnp.asarray(reference))
    sums = np.allclose(out * channels, want, atol=1e-4)
    scale = channels if sums else 1  # the record holds sums, ours are means
    np.testing.assert_allclose(out * scale, want, atol=1e-5 * np.abs(want).max())
    gradients = pullback(jnp.asarray(cotangent) * scale)
    for ours, name in zip(gradients, ("grad_query", "grad_reference"), strict=True):
        recorded = np.moveaxis(data[f"correlation/{name}"], 1, -1)
        np.testing.assert_allclose(ours, recorded, atol=1e-5 * np.abs(recorded).max())


def test_the_gradient_equals_finite_differences_also_at_the_border():
    with float64():
        query, reference = (jnp.asarray(x) for x in random_maps((1, 4, 5, 2)))
        weights = jnp.asarray(np.random.default_rng(1).normal(size=(1, 4, 5, 16)))

        def score(q, r):
            return (correlation(q, r, 4, 2) * weights).sum()

        for argument in (0, 1):
            gradient = jax.grad(score, argument)(query, reference)
            for index in np.ndindex(1, 4, 5, 2):
                step = jnp.zeros_like(query).at[index].set(1e-5)
                shift = [step if argument == a else 0 for a in (0, 1)]
                rise = score(query + shift[0], reference + shift[1])
                fall = score(query - shift[0], reference - shift[1])
                np.testing.assert_allclose(gradient[index], (rise - fall) / 2e-5, atol=1e-8)


@pytest.mark.parametrize("arguments", [(4, 1, 1), (3, 2, 2)])
def test_displacements_between_cells_and_even_kernels_are_refused(arguments):
    with pytest.raises(ValueError):
        correlation(*map(jnp.asarray, random_maps()), *arguments)


def test_bfloat16_maps_are_summed_in_float32():
    query, reference = (jnp.asarray(x, jnp.bfloat16) for x in random_maps((1, 4, 5, 256)))
    got = correlation(query, reference, 4, 2)
    want = naive_correlation(*(np.asarray(x, np.float64) for x in (query, reference)), 4, 2)
    assert got.dtype == jnp.bfloat16
    np.testing.assert_allclose(got.astype(np.float32), want, rtol=2**-8, atol=1e-6)


def test_many_references_under_vmap_equal_one_at_a_time():
    query, reference = (jnp.asarray(x, jnp.float32) for x in random_maps())
    references = jnp.stack([reference, -reference, query])
    got = jax.vmap(lambda r: correlation(query, r, 4, 2))(references)
    for ours, one in zip(got, references, strict=True):
        np.testing.assert_allclose(ours, correlation(query, one, 4, 2), atol=1e-6)


def test_a_cell_that_is_not_a_number_stays_in_its_frame():
    query, reference = (jnp.asarray(x, jnp.float32) for x in random_maps())
    poisoned = correlation(query.at[0, 2, 3].set(jnp.nan), reference, 4, 2)
    clean = correlation(query, reference, 4, 2)
    np.testing.assert_array_equal(poisoned[1], clean[1])
    elsewhere = jnp.ones((5, 7), bool).at[2, 3].set(False)
    np.testing.assert_array_equal(poisoned[0][elsewhere], clean[0][elsewhere])


def naive_expected_displacement(maps, dilation, sharpness):
    side = round(np.sqrt(maps.shape[-1]))
    along = [(a - (side - 1) / 2) * dilation for a in range(side)]
    out = np.zeros((*maps.shape[:-1], 2))
    for place in np.ndindex(maps.shape[:-1]):
        own = maps[place]
        weights = np.exp(sharpness * (own - own.mean()) / own.std())
        for number, weight in enumerate(weights / weights.sum()):
            out[place] += weight * np.array([along[number // side], along[number % side]])
    return out


@pytest.mark.parametrize(("side", "dilation", "sharpness"), [(4, 2, 3.0), (3, 1, 0.5), (5, 3, 0.0)])
def test_the_expected_displacement_follows_its_definition(side, dilation, sharpness):
    maps = np.random.default_rng(0).normal(size=(2, 3, 4, side**2))
    want = naive_expected_displacement(maps, dilation, sharpness)
    for scale in (1.0, 1e-3, 1e3):  # features of any length
        got = expected_displacement(jnp.asarray(scale * maps), dilation, sharpness)
        np.testing.assert_allclose(got, want, atol=1e-4)


@pytest.mark.parametrize("moved", [(2, -4), (-6, 0), (0, 2)])
def test_a_sharp_expectation_finds_by_how_much_a_map_has_moved(moved):
    query = np.random.default_rng(1).normal(size=(1, 20, 24, 64))
    reference = np.roll(query, moved, axis=(1, 2))
    maps = correlation(jnp.asarray(query), jnp.asarray(reference), displacements=7, dilation=2)
    inner = expected_displacement(maps, 2, sharpness=10.0)[:, 6:-6, 6:-6]
    np.testing.assert_allclose(inner, np.broadcast_to(moved, inner.shape), atol=0.2)


def test_where_all_displacements_are_equally_like_nothing_has_moved():
    maps = jnp.full((1, 2, 2, 9), 0.3)
    out, pullback = jax.vjp(lambda x: expected_displacement(x, 1, 4.0), maps)
    np.testing.assert_allclose(out, 0, atol=1e-6)
    assert np.isfinite(pullback(jnp.ones_like(out))[0]).all()
