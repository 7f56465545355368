"""The sum of a system's losses and its gradient, compiled once for all tests of the system."""

import functools

import jax
import jax.numpy as jnp

from ovis_jax.ops.row_keys import RowKeys


@functools.cache
def _compiled(system):
    def loss(variables, batch):
        keys = RowKeys.of(jax.random.key(1), len(batch.sample))
        found = system.apply(variables, batch, keys, method="losses")
        losses, metrics = ({name: mean.value for name, mean in means.items()} for means in found)
        return sum(losses.values()), (losses, metrics)

    return jax.jit(jax.value_and_grad(loss, has_aux=True))


@functools.cache
def _compiled_metrics(system):
    def metrics(variables, batch):
        keys = RowKeys.of(jax.random.key(1), len(batch.sample))
        _, found = system.apply(variables, batch, keys, method="losses")
        return {name: mean.value for name, mean in found.items()}

    return jax.jit(metrics)


def training_metrics(system, variables, batch):
    """The metrics of `total_loss`, without losses and gradient: a third to compile."""
    return _compiled_metrics(system)(variables, batch)


def assert_every_part_learns(gradient, parts) -> None:
    """The parts of the parameters are these, and each has a gradient that is not all zero."""
    assert set(gradient["params"]) == set(parts)
    for part, tree in gradient["params"].items():
        assert max(float(jnp.abs(x).max()) for x in jax.tree.leaves(tree)) > 0, part


def total_loss(system, variables, batch):
    """(total, (losses, metrics)), gradient by variables."""
    return _compiled(system)(variables, batch)
