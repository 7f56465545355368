"""Batch norm whose statistics training moves, against float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from ovis_jax.models.batch_norm import RUNNING_STATS, BatchNorm

MOMENTUM, EPSILON = 0.1, 1e-5
X = np.random.default_rng(0).normal(2, 3, size=(4, 3, 5, 2)).astype(np.float32)
PARAMS = {"scale": jnp.array([2.0, -1.0]), "bias": jnp.array([0.5, 3.0])}
RUNNING = {"mean": jnp.array([1.0, -1.0]), "var": jnp.array([4.0, 0.25])}
VARIABLES = {"params": PARAMS, RUNNING_STATS: RUNNING}


def normalised(x, mean, var):
    scale, bias = (np.float64(PARAMS[name]) for name in ("scale", "bias"))
    return (x - mean) / np.sqrt(var + EPSILON) * scale + bias


def groups_of(x, rows):
    """Each group's numbers [n, C] in float64."""
    return [np.float64(x[k : k + rows]).reshape(-1, x.shape[-1]) for k in range(0, len(x), rows)]


def moved(running, groups):
    """The running statistics a call later."""
    means = np.mean([x.mean(0) for x in groups], axis=0)
    variances = np.mean([x.var(0, ddof=1) for x in groups], axis=0)
    own = {"mean": means, "var": variances}
    return {k: (1 - MOMENTUM) * np.float64(running[k]) + MOMENTUM * own[k] for k in own}


def assert_close(got, want):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5), got, want)


def train(x, rows=0, variables=VARIABLES):
    return BatchNorm(rows).apply(variables, x, training=True, mutable=[RUNNING_STATS])


@pytest.mark.parametrize("rows", [0, 4, 2, 1])
def test_training_normalises_each_group_with_its_own_statistics_and_moves_the_running_ones(rows):
    got, changed = train(X, rows)
    groups = groups_of(X, rows or 4)
    want = [normalised(x, x.mean(0), x.var(0)) for x in groups]
    assert_close(got, np.concatenate(want).reshape(X.shape))
    assert_close(changed[RUNNING_STATS], moved(RUNNING, groups))


def test_afterwards_the_running_statistics_normalise_and_nothing_moves():
    got, changed = BatchNorm().apply(VARIABLES, X, training=False, mutable=[RUNNING_STATS])
    assert_close(got, normalised(X, *(np.float64(RUNNING[k]) for k in ("mean", "var"))))
    jax.tree.map(np.testing.assert_array_equal, changed[RUNNING_STATS], RUNNING)


def test_where_nobody_asks_for_the_statistics_the_results_are_the_same():
    alone = BatchNorm(2).apply(VARIABLES, X, training=True)
    np.testing.assert_array_equal(alone, train(X, 2)[0])


class Twice(nn.Module):
    """One norm for two levels."""

    @nn.compact
    def __call__(self, levels):
        norm = BatchNorm(name="norm")
        return [norm(x, training=True) for x in levels]


def test_a_norm_of_several_levels_moves_with_each_of_them():
    levels = X, 5 * X[:, :2, :2] + 1
    variables = {"params": {"norm": PARAMS}, RUNNING_STATS: {"norm": RUNNING}}
    got, changed = Twice().apply(variables, levels, mutable=[RUNNING_STATS])
    for x, y in zip(levels, got, strict=True):
        (own,) = groups_of(x, 4)
        assert_close(y, normalised(own, own.mean(0), own.var(0)).reshape(x.shape))
    want = moved(moved(RUNNING, groups_of(levels[0], 4)), groups_of(levels[1], 4))
    assert_close(changed[RUNNING_STATS]["norm"], want)


def test_a_new_norm_is_the_identity_until_it_has_learned():
    variables = BatchNorm().init(jax.random.key(0), X, training=True)
    jax.tree.map(
        np.testing.assert_array_equal, variables[RUNNING_STATS], {"mean": [0, 0], "var": [1, 1]}
    )
    assert_close(BatchNorm().apply(variables, X, training=False), X / np.sqrt(1 + EPSILON))


def test_the_gradient_is_that_of_the_statistics_too():
    weights = jnp.asarray(np.random.default_rng(1).normal(size=X.shape), jnp.float32)

    def total(x):
        return jnp.sum(weights * BatchNorm(2).apply(VARIABLES, x, training=True))

    slope = jax.grad(total)(jnp.asarray(X))
    step = np.random.default_rng(2).normal(size=X.shape)

    def exact(x):
        parts = [normalised(g, g.mean(0), g.var(0)) for g in groups_of(x, 2)]
        return np.sum(np.float64(weights) * np.concatenate(parts).reshape(X.shape))

    x = np.float64(X)
    want = (exact(x + 1e-5 * step) - exact(x - 1e-5 * step)) / 2e-5
    np.testing.assert_allclose(np.sum(slope * step), want, rtol=1e-4)
    assert_close(slope.reshape(2, -1, 2).sum(1), np.zeros((2, 2)))  # a shift changes nothing


def test_half_precision_has_statistics_in_single():
    half = jnp.asarray(X, jnp.bfloat16)
    got, changed = BatchNorm(dtype="bfloat16").apply(
        VARIABLES, half, training=True, mutable=[RUNNING_STATS]
    )
    assert got.dtype == jnp.bfloat16
    assert {x.dtype for x in jax.tree.leaves(changed)} == {jnp.dtype("float32")}
    assert_close(changed[RUNNING_STATS], moved(RUNNING, groups_of(np.asarray(half, np.float32), 4)))


VALID = np.array([[1, 0, 1], [0, 0, 0], [1, 1, 0], [0, 1, 1]], bool)  # of the items of each row


@pytest.mark.parametrize("rows", [4, 2])
def test_items_that_are_not_valid_change_no_statistics(rows):
    poisoned = np.where(VALID[..., None, None], X, np.nan)
    got, changed = BatchNorm(rows).apply(
        VARIABLES, poisoned, training=True, valid=VALID, mutable=[RUNNING_STATS]
    )
    starts = range(0, len(X), rows)
    groups = [np.float64(X[k : k + rows][VALID[k : k + rows]]).reshape(-1, 2) for k in starts]
    want = [
        normalised(X[k : k + rows], g.mean(0), g.var(0))
        for k, g in zip(starts, groups, strict=True)
    ]
    assert_close(got[VALID], np.concatenate(want)[VALID])
    assert np.isfinite(got).all()
    assert_close(changed[RUNNING_STATS], moved(RUNNING, groups))


def test_groups_without_valid_items_move_nothing():
    def train_with(valid, rows):
        norm = BatchNorm(rows)
        return norm.apply(VARIABLES, X, training=True, valid=valid, mutable=[RUNNING_STATS])[1]

    none = train_with(np.zeros_like(VALID), 2)
    jax.tree.map(np.testing.assert_array_equal, none[RUNNING_STATS], RUNNING)
    one = train_with(VALID, 1)  # the second group is empty
    groups = [np.float64(X[k][VALID[k]]).reshape(-1, 2) for k in (0, 2, 3)]
    assert_close(one[RUNNING_STATS], moved(RUNNING, groups))


def test_where_all_items_are_valid_the_results_are_those_without_a_mask():
    everything = np.ones_like(VALID)
    got, changed = BatchNorm(2).apply(
        VARIABLES, X, training=True, valid=everything, mutable=[RUNNING_STATS]
    )
    want, wanted = train(X, 2)
    assert_close(got, want)
    assert_close(changed[RUNNING_STATS], wanted[RUNNING_STATS])


@pytest.mark.parametrize(
    ("rows", "shape", "reason"),
    [
        (3, (4, 2, 2, 2), "4 rows on a device.* multiple of group_rows, 3"),
        (8, (4, 2, 2, 2), "4 rows on a device.* multiple of group_rows, 8"),
        (1, (4, 1, 1, 2), "one number for each channel"),
        (0, (1, 1, 1, 2), "one number for each channel"),
    ],
)
def test_groups_that_cannot_be_are_named(rows, shape, reason):
    with pytest.raises(ValueError, match=reason):
        train(np.zeros(shape, np.float32), rows)
