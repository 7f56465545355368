"""Multi-scale deformable attention."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_folder import golden_arrays
from ops.float64 import float64

from ovis_jax.ops import deform_attention as ops
from ovis_jax.ops.platforms import traced_for

SHAPES = ((5, 6), (3, 2), (1, 1))


@pytest.fixture(params=["cpu", "tpu"])
def deform_attention(request):
    """As it is written for a platform: not what was traced for another one."""
    with traced_for(request.param):  # gradients are traced when they are asked for
        yield lambda *arguments: ops.deform_attention(*arguments)


def random_inputs(batch=2, queries=3, heads=2, points=4, size=3):
    """Levels, points that also lie outside of the maps, and weights; float64."""
    rng = np.random.default_rng(0)
    levels = [rng.normal(size=(batch, h, w, heads, size)) for h, w in SHAPES]
    places = rng.uniform(-0.4, 1.4, size=(batch, queries, heads, len(SHAPES), points, 2))
    return levels, places, rng.normal(size=places.shape[:-1])


def naive_deform_attention(levels, points, weights):
    """The definition, number by number."""
    out = np.zeros((*points.shape[:3], levels[0].shape[-1]))
    for b, q, m, level, p in np.ndindex(weights.shape):
        height, width = levels[level].shape[1:3]
        x, y = points[b, q, m, level, p] * (width, height) - 0.5
        for row, column in np.ndindex(height, width):
            share = max(0, 1 - abs(x - column)) * max(0, 1 - abs(y - row))
            value = levels[level][b, row, column, m]
            out[b, q, m] += weights[b, q, m, level, p] * share * value
    return out


def test_it_follows_its_definition_also_beyond_the_border(deform_attention):
    inputs = random_inputs()
    got = jax.jit(deform_attention)(*jax.tree.map(jnp.float32, inputs))
    np.testing.assert_allclose(got, naive_deform_attention(*inputs), atol=1e-5)


def test_its_gradients_are_slopes_of_the_definition(deform_attention):
    levels, points, weights = random_inputs()
    rng = np.random.default_rng(1)
    factors = rng.normal(size=(*points.shape[:3], levels[0].shape[-1]))
    with float64():
        pull = jax.jit(lambda *x: jax.vjp(deform_attention, *x[:3])[1](x[3]))
        gradients = jax.tree.map(np.asarray, pull(levels, points, weights, factors))
    inputs = levels, points, weights
    for number in range(len(inputs)):
        ways = jax.tree.map(lambda x: rng.normal(size=x.shape), inputs[number])
        ends = []
        for step in (1e-6, -1e-6):
            moved = list(inputs)
            moved[number] = jax.tree.map(lambda x, d, s=step: x + s * d, moved[number], ways)
            ends.append((naive_deform_attention(*moved) * factors).sum())
        along = jax.tree.map(lambda g, d: (g * d).sum(), gradients[number], ways)
        slope = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(sum(jax.tree.leaves(along)), slope, rtol=1e-6)


def test_it_equals_the_recorded_numbers_in_value_and_gradients(deform_attention):
    records = golden_arrays("idol", "ops.npz")
    data = {name: records[f"deform_attn/{name}"] for name in ("value", "loc", "weight", "out")}
    shapes = records["deform_attn/shapes"]
    ends = np.cumsum([h * w for h, w in shapes])[:-1]

    def run(value, points, weights):
        parts = zip(jnp.split(value, ends, axis=1), shapes, strict=True)
        levels = [x.reshape(len(x), *map(int, size), *x.shape[2:]) for x, size in parts]
        out = deform_attention(levels, points, weights)
        return out.reshape(*out.shape[:2], -1)

    inputs = data["value"], data["loc"], data["weight"]
    out, pull = jax.vjp(jax.jit(run), *map(jnp.asarray, inputs))
    np.testing.assert_allclose(out, data["out"], atol=2e-6)
    gradients = pull(jnp.asarray(records["deform_attn/cotangent"]))
    for own, name in zip(gradients, ("value", "loc", "weight"), strict=True):
        want = records[f"deform_attn/grad_{name}"]
        np.testing.assert_allclose(own, want, atol=2e-6 * max(1, np.abs(want).max()))


def test_a_point_that_is_not_a_number_reads_zero_and_touches_nothing_else(deform_attention):
    levels, points, weights = jax.tree.map(jnp.float32, random_inputs())

    def gradients(place):
        def score(*inputs):
            return (deform_attention(*inputs) ** 2).sum()

        moved = points.at[0, 1, 1, 0, 2].set(place)
        return jax.grad(score, (0, 1, 2))(levels, moved, weights)

    jax.tree.map(np.testing.assert_array_equal, gradients(jnp.nan), gradients(1e6))
    assert all(np.isfinite(x).all() for x in jax.tree.leaves(gradients(jnp.nan)))


def test_bfloat16_maps_are_summed_in_float32_at_exact_points(deform_attention):
    levels, points, weights = jax.tree.map(jnp.float32, random_inputs())
    levels = [x.astype(jnp.bfloat16) for x in levels]
    got = deform_attention(levels, points, weights)
    want = naive_deform_attention(
        [np.asarray(x, np.float64) for x in levels], np.float64(points), np.float64(weights)
    )
    assert got.dtype == jnp.bfloat16
    np.testing.assert_allclose(np.float32(got), want, atol=2**-6 * np.abs(want).max())


def test_shapes_that_do_not_belong_together_are_refused(deform_attention):
    levels, points, weights = jax.tree.map(jnp.float32, random_inputs())
    with pytest.raises(ValueError, match="for 2 levels"):
        deform_attention(levels[:2], points, weights)
    with pytest.raises(ValueError, match="weights are"):
        deform_attention(levels, points, weights[..., :1])
    with pytest.raises(ValueError, match="a level is"):
        deform_attention([x[:1] for x in levels], points, weights)
