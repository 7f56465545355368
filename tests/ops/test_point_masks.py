"""Masks at points beside loops in float64."""

import jax.numpy as jnp
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.ops.point_masks import (
    pair_losses,
    point_losses,
    sample_packed,
    sample_points,
    uncertain_points,
)

HEIGHT, WIDTH = 6, 16


def naive_sample(mask, point):
    """Bilinear between cell centres, zeros outside."""
    x, y = point[0] * mask.shape[1] - 0.5, point[1] * mask.shape[0] - 0.5
    total = 0.0
    for row in range(mask.shape[0]):
        for column in range(mask.shape[1]):
            total += max(0, 1 - abs(y - row)) * max(0, 1 - abs(x - column)) * mask[row, column]
    return total


def random_masks(seed, count=3):
    return np.random.default_rng(seed).random((count, HEIGHT, WIDTH)) < 0.5


def test_points_are_mixed_from_the_cells_around_them_and_zero_outside():
    maps = np.random.default_rng(0).normal(size=(3, HEIGHT, WIDTH)).astype(np.float32)
    points = np.random.default_rng(1).uniform(-0.2, 1.2, (3, 20, 2)).astype(np.float32)
    ours = sample_points(jnp.asarray(maps), jnp.asarray(points))
    want = [[naive_sample(m, p) for p in own] for m, own in zip(maps, points, strict=True)]
    np.testing.assert_allclose(ours, want, atol=1e-5)


def test_shared_points_are_read_from_all_maps():
    maps = np.random.default_rng(0).normal(size=(2, 3, HEIGHT, WIDTH)).astype(np.float32)
    points = np.random.default_rng(1).random((7, 2)).astype(np.float32)
    ours = np.asarray(sample_points(jnp.asarray(maps), jnp.asarray(points)))
    each = [[sample_points(jnp.asarray(m), jnp.asarray(points)) for m in row] for row in maps]
    np.testing.assert_array_equal(ours, each)


@given(st.integers(0, 2**16))
def test_packed_masks_are_read_as_unpacked_ones(seed):
    masks = random_masks(seed)
    points = np.random.default_rng(seed).uniform(-0.1, 1.1, (3, 9, 2)).astype(np.float32)
    packed = jnp.asarray(np.packbits(masks, axis=-1))
    ours = sample_packed(packed, jnp.asarray(points))
    want = sample_points(jnp.asarray(masks, jnp.float32), jnp.asarray(points))
    np.testing.assert_allclose(ours, want, atol=1e-6)


def test_losses_of_pairs_are_those_of_each_pair():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(4, 30)).astype(np.float32) * 3
    targets = rng.random((2, 30)).astype(np.float32)
    entropy, dice = pair_losses(jnp.asarray(logits), jnp.asarray(targets))
    for q, m in np.ndindex(4, 2):
        probs = 1 / (1 + np.exp(-logits[q].astype(np.float64)))
        own = -(targets[m] * np.log(probs) + (1 - targets[m]) * np.log(1 - probs)).mean()
        shared = 2 * (probs * targets[m]).sum() + 1
        other = 1 - shared / (probs.sum() + targets[m].sum() + 1)
        np.testing.assert_allclose([entropy[q, m], dice[q, m]], [own, other], rtol=1e-5)
        single = point_losses(jnp.asarray(logits[q]), jnp.asarray(targets[m]))
        np.testing.assert_allclose(single, [own, other], rtol=1e-5)


def test_the_least_decided_candidates_are_taken_and_the_others_besides():
    logits = jnp.asarray(np.linspace(-4, 4, WIDTH, dtype=np.float32)[None].repeat(HEIGHT, 0))
    columns = np.array([0.1, 0.45, 0.9, 0.55, 0.3], np.float32)
    candidates = np.stack([columns, np.full(5, 0.5, np.float32)], axis=-1)
    others = np.array([[0.0, 0.0]], np.float32)
    chosen = uncertain_points(logits, jnp.asarray(candidates), jnp.asarray(others), 2)
    np.testing.assert_array_equal(np.sort(chosen[:2, 0]), columns[[1, 3]])
    np.testing.assert_array_equal(chosen[2:], others)
