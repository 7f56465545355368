"""Embeddings of pixels, and their losses beside their definition."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.models.heads.cluster_embedding import (
    FREE_DEVIATION,
    PixelEmbeddings,
    embedding_losses,
    pixel_grid,
)
from ovis_jax.ops.lovasz import lovasz_hinge

GRID = (2, 3, 4)


def said(seed=0):
    rng = np.random.default_rng(seed)
    return PixelEmbeddings(
        embeddings=rng.normal(size=(*GRID, 4)).astype(np.float32),
        variances=rng.normal(-2, 0.3, (*GRID, 2)).astype(np.float32),
        seediness=rng.random(GRID).astype(np.float32),
    )


def masks(empty=()):
    """Three instances that overlap; some may have no pixel."""
    own = np.random.default_rng(1).random((3, *GRID)) < 0.3
    own[list(empty)] = False
    return own


@functools.cache
def program(shifted=False):
    return jax.jit(functools.partial(embedding_losses, shifted=shifted))


def naive_losses(pixels, instances, targets):
    """Of (pixels of an instance, mask that it is to fill) pairs, in float64."""
    e, v, s = (np.asarray(x, np.float64) for x in jax.tree.leaves(pixels))
    count, hinges, deviations, seeds = len(instances), [], [], []
    for own, target in zip(instances, targets, strict=True):
        bandwidth = np.append((10 * np.exp(v[own])).mean(0), [1 / FREE_DEVIATION**2] * 2)
        probs = np.exp(-0.5 * (bandwidth * (e - e[own].mean(0)) ** 2).sum(-1))
        deviations.append(((v[own] - v[own].mean(0)) ** 2).mean())
        if target.any():
            hinges.append(lovasz_hinge(jnp.float32(2 * probs - 1), target))
            seeds.append(((s - probs)[target] ** 2).mean())
    background = ~masks_of(targets, instances).any(0)
    seeds.append((s[background] ** 2).mean())
    return [sum(hinges) / count, sum(deviations) / count, sum(seeds) / (count + 1)]


def masks_of(*groups):
    return np.concatenate([np.stack(group) for group in groups])


def values(pixels, own, shifted=False):
    found = program(shifted)(pixels, own)
    return [found[name].value for name in ("lovasz", "smoothness", "seediness")]


def test_losses_follow_their_definition():
    own = list(masks())
    got = values(said(), masks())
    np.testing.assert_allclose(got, naive_losses(said(), own, own), rtol=1e-5)


def test_an_empty_slot_is_no_instance():
    own = masks(empty=[1])
    kept = [own[0], own[2]]
    np.testing.assert_allclose(values(said(), own), naive_losses(said(), kept, kept), rtol=1e-5)


def test_as_published_an_empty_instance_shifts_the_targets_of_those_after_it():
    own = masks(empty=[1])
    want = naive_losses(said(), [own[0], own[2]], [own[0], own[1]])
    want[2] = naive_seediness(own)
    np.testing.assert_allclose(values(said(), own, shifted=True), want, rtol=1e-5)


def naive_seediness(own):
    """The third instance, compared with the second mask, which is empty, teaches none."""
    background = ~own.any(0)
    first = naive_losses(said(), [own[0]], [own[0]])[2] * 2
    alone = (np.float64(said().seediness)[~own[0]] ** 2).mean()
    return (first - alone + (np.float64(said().seediness)[background] ** 2).mean()) / 3


def test_empty_instances_in_the_end_shift_nothing():
    own = masks(empty=[2])
    np.testing.assert_array_equal(values(said(), own, shifted=True), values(said(), own))


def test_without_instances_there_is_nothing_to_learn():
    @jax.jit
    def total(pixels):
        found = embedding_losses(pixels, jnp.zeros((2, *GRID), bool))
        return sum(loss.value for loss in found.values())

    value, gradient = jax.value_and_grad(total)(said())
    assert value == 0 and not any(np.any(x) for x in jax.tree.leaves(gradient))


def test_the_seediness_teaches_no_embedding():
    def seediness(pixels):
        return embedding_losses(pixels, jnp.asarray(masks()))["seediness"].value

    gradient = jax.jit(jax.grad(seediness))(said())
    assert np.any(gradient.seediness) and not np.any(gradient.embeddings)


@pytest.mark.parametrize("height, width", [(3, 6), (6, 3)])
def test_the_shorter_side_of_the_grid_goes_from_minus_one_to_one(height, width):
    y, x = np.moveaxis(pixel_grid(height, width), -1, 0)
    short, long = (y, x) if height < width else (x, y)
    assert short.min() == -1 and short.max() == 1
    assert long.min() == -2 and long.max() == 2
