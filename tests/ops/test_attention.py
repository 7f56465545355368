"""Attention and rotary positions beside loops in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.ops import implementations
from ovis_jax.ops.attention import attention, patch_rotation
from ovis_jax.ops.platforms import traced_for


def naive_rotation(x, row, column, grid):
    """A vector of one head turned by the place of its patch."""
    size = len(x)
    angles = []
    for place, count in ((row, grid[0]), (column, grid[1])):
        centre = 2 * (place + 0.5) / count - 1
        angles += [2 * np.pi * centre * 100.0 ** (-4 * k / size) for k in range(size // 4)]
    out = np.zeros(size)
    for k, angle in enumerate(angles):
        first, second = x[k], x[k + size // 2]
        out[k] = first * np.cos(angle) - second * np.sin(angle)
        out[k + size // 2] = second * np.cos(angle) + first * np.sin(angle)
    return out


def naive_attention(query, key, value, grid=None):
    """Token by token; with a grid the last ones are patches."""
    batch, tokens, heads, size = query.shape
    if grid:
        first = tokens - grid[0] * grid[1]
        query, key = query.copy(), key.copy()
        for b, n, h in np.ndindex(batch, grid[0] * grid[1], heads):
            for x in (query, key):
                x[b, first + n, h] = naive_rotation(x[b, first + n, h], *divmod(n, grid[1]), grid)
    out = np.zeros(query.shape)
    for b, n, h in np.ndindex(batch, tokens, heads):
        logits = [query[b, n, h] @ key[b, m, h] / np.sqrt(size) for m in range(tokens)]
        weights = np.exp(logits - np.max(logits))
        out[b, n, h] = (weights / weights.sum()) @ value[b, :, h]
    return out


@pytest.mark.parametrize("grid", [None, (2, 3)])
def test_attention_follows_its_definition(grid):
    rng = np.random.default_rng(0)
    arrays = rng.normal(size=(3, 2, 8, 2, 8))
    rotation = patch_rotation(*grid, 8) if grid else None
    ours = attention(*(jnp.asarray(x, jnp.float32) for x in arrays), rotation)
    np.testing.assert_allclose(ours, naive_attention(*arrays, grid), rtol=1e-4, atol=1e-5)


def test_rotated_products_depend_on_the_way_between_patches_of_a_grid():
    rng = np.random.default_rng(1)
    one, other = rng.normal(size=(2, 8))
    rotation = patch_rotation(3, 4, 8)

    def turned(x, patch):
        half = np.concatenate([-x[4:], x[:4]])
        return x * np.asarray(rotation.cos[patch]) + half * np.asarray(rotation.sin[patch])

    ways = {}
    for a, b in np.ndindex(12, 12):
        way = tuple(np.subtract(divmod(a, 4), divmod(b, 4)))
        ways.setdefault(way, []).append(turned(one, a) @ turned(other, b))
    assert all(np.ptp(products) < 1e-4 for products in ways.values())


def test_heads_that_cannot_be_quartered_have_no_rotary_positions():
    with pytest.raises(ValueError, match="multiple of 4"):
        patch_rotation(2, 2, 6)


def test_a_fused_kernel_is_asked_for_only_where_it_runs():
    half = jnp.ones((1, 8, 2, 64), jnp.bfloat16)
    with traced_for("gpu"):  # written for a GPU, on a machine without one
        text = str(jax.make_jaxpr(implementations.attention(half))(half, half, half))
    assert "cudnn" not in text and "dot_general" in text


TOKENS = 300  # two rounds of queries, and some of a third


def test_some_queries_at_a_time_follow_the_definition():
    rng = np.random.default_rng(2)
    arrays = rng.normal(size=(3, 1, TOKENS, 1, 8))
    with traced_for("tpu"):
        ours = jax.jit(attention)(*(jnp.asarray(x, jnp.float32) for x in arrays))
    np.testing.assert_allclose(ours, naive_attention(*arrays), rtol=1e-4, atol=1e-5)


def gradients_of(platform, arrays, weights):
    def weighed(*own):
        return jnp.vdot(attention(*own), weights)

    with traced_for(platform):
        return jax.jit(jax.grad(weighed, argnums=(0, 1, 2)))(*arrays)


def test_gradients_of_some_queries_at_a_time_are_those_of_all():
    rng = np.random.default_rng(3)
    *arrays, weights = jnp.asarray(rng.normal(size=(4, 2, TOKENS, 3, 8)), jnp.float32)
    for ours, plain in zip(
        *(gradients_of(name, arrays, weights) for name in ("tpu", "cpu")), strict=True
    ):
        np.testing.assert_allclose(ours, plain, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("platform, held", [("tpu", False), ("cpu", True)])
def test_products_of_all_tokens_with_all_are_not_held_on_tpus(platform, held):
    arrays = jnp.ones((4, 1, TOKENS, 2, 8))
    with traced_for(platform):
        text = str(jax.make_jaxpr(lambda *own: gradients_of(platform, own, arrays[3]))(*arrays[:3]))
    assert (f"{TOKENS},{TOKENS}]" in text) is held
