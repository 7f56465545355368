"""Losses with counts: what devices and microbatches make of them."""

import os
import pathlib
import subprocess
import sys

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from jax.sharding import Mesh
from training.toy import toy_batch

from ovis_jax.models.batch_norm import RUNNING_STATS, BatchNorm
from ovis_jax.ops.means import Mean
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.training.gradients import batch_gradients

ROOT = pathlib.Path(__file__).parents[2]
KEY = jax.random.key(2)
PARAMS = {"weight": jnp.array([0.3, -0.2])}
OBJECTS = (1, 0, 4, 2, 0, 0, 3, 1)


class Counting(nn.Module):
    """A loss over all objects of the batch, one over its rows, one that is random."""

    @nn.compact
    def losses(self, batch, keys):
        first, second = self.param("weight", nn.initializers.zeros, (2,))
        own = batch.sample.astype(jnp.float32)  # the number of a row's objects
        noise = jax.vmap(jax.random.uniform)(keys.each)
        losses = {
            "objects": Mean(jnp.sum(own * (first - own) ** 2), batch.sample.sum()),
            "rows": Mean.of((second * own - 1) ** 2),
            "noise": Mean.of(noise * first),
            "nothing": Mean(0.0 * first, jnp.int32(0)),
        }
        return losses, {"largest": Mean(jnp.sum(own**2), batch.sample.sum())}


def gradients(num_devices=1, microbatches=1):
    mesh = Mesh(np.array(jax.devices()[:num_devices]), ("data",))
    batch = toy_batch(len(OBJECTS), 0).replace(sample=np.int32(OBJECTS))
    compute = jax.jit(batch_gradients(Counting(), mesh, microbatches))
    *found, stats = compute(PARAMS, {}, {}, batch, KEY)
    assert stats == {}
    return jax.tree.map(np.asarray, tuple(found))


def expected():
    own, weights = np.float64(OBJECTS), np.float64(PARAMS["weight"])
    noise = np.float64([jax.random.uniform(key) for key in jax.random.split(KEY, len(own))])
    losses = {
        "objects": (own * (weights[0] - own) ** 2).sum() / own.sum(),
        "rows": ((weights[1] * own - 1) ** 2).mean(),
        "noise": noise.mean() * weights[0],
        "nothing": 0.0,
    }
    slopes = [
        (2 * own * (weights[0] - own)).sum() / own.sum() + noise.mean(),
        (2 * own * (weights[1] * own - 1)).mean(),
    ]
    return {"weight": slopes}, sum(losses.values()), losses, {"largest": (own**2).sum() / own.sum()}


def assert_close(got, want, atol=0.0):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=atol), got, want)


class Normed(nn.Module):
    """A loss of normalised frames, each pair of rows with statistics of its own."""

    @nn.compact
    def losses(self, batch, keys):
        weight = self.param("weight", nn.initializers.ones, (3,))
        norm = BatchNorm(group_rows=2)
        x = norm(batch.frames[:, 0] ** 2 * weight + batch.frames[:, 0], training=True)
        x = norm(x * batch.frames[:, 1], training=True)  # moves the statistics again
        return {"loss": Mean.of((jnp.abs(x) ** 3).mean((1, 2, 3)))}, {}


def normed(num_devices=1, microbatches=1):
    """Gradients, loss and statistics of a batch of eight."""
    mesh = Mesh(np.array(jax.devices()[:num_devices]), ("data",))
    batch = toy_batch(8, 3)
    variables = Normed().init(KEY, batch, RowKeys.of(KEY, 8), method="losses")
    stats = {RUNNING_STATS: variables[RUNNING_STATS]}
    compute = jax.jit(batch_gradients(Normed(), mesh, microbatches))
    gradients, loss, _, _, stats = compute(variables["params"], {}, stats, batch, KEY)
    return jax.tree.map(np.asarray, (gradients, loss, stats))


def test_each_microbatch_moves_the_statistics_that_the_one_before_left():
    batch = toy_batch(8, 3)
    parts = [jax.tree.map(lambda x, k=k: x[k::2], batch) for k in (0, 1)]
    variables = Normed().init(KEY, batch, RowKeys.of(KEY, 8), method="losses")
    for part in parts:
        keys = RowKeys.of(KEY, 4)
        _, moved = Normed().apply(variables, part, keys, method="losses", mutable=[RUNNING_STATS])
        variables = variables | moved
    _, _, stats = normed(microbatches=2)
    assert_close(stats[RUNNING_STATS], variables[RUNNING_STATS])


def test_a_loss_is_its_total_over_its_count_and_so_is_its_gradient():
    got = gradients()
    want = expected()
    assert_close(got[1:], want[1:])
    np.testing.assert_allclose(got[0]["weight"], want[0]["weight"], rtol=1e-5)


def test_losses_are_means_over_microbatches_and_metrics_are_over_the_batch():
    got = gradients(microbatches=2)
    halves = [np.float64(OBJECTS[first::2]) for first in (0, 1)]
    weight = float(PARAMS["weight"][0])
    objects = [(own * (weight - own) ** 2).sum() / own.sum() for own in halves]
    np.testing.assert_allclose(got[2]["objects"], np.mean(objects), rtol=1e-5)
    assert_close(got[3], expected()[3])


def check_devices():
    """Runs where there are four devices."""
    assert len(jax.devices()) == 4
    for num_devices in (2, 4):
        got = gradients(num_devices)
        want = expected()
        assert_close(got[1:], want[1:])
        np.testing.assert_allclose(got[0]["weight"], want[0]["weight"], rtol=1e-5)
    assert_close(gradients(2, microbatches=2), gradients(1, microbatches=2))
    for num_devices, microbatches in ((2, 1), (4, 1), (2, 2)):
        assert_close(normed(num_devices, microbatches), normed(1, microbatches), atol=1e-6)


def test_devices_with_different_counts_give_the_gradients_of_the_batch():
    code = "from training import test_gradients; test_gradients.check_devices()"
    environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT}/tests", "JAX_NUM_CPU_DEVICES": "4"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
