"""Gradients of a batch: of microbatches one after the other, on devices side by side."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.sharding import Mesh, PartitionSpec

from ovis_jax.ops.shards import WHOLE, Shard
from ovis_jax.structures import FramePairs

BatchGradients = Callable[[dict, dict, FramePairs, jax.Array], tuple]
"""(params, constants, batch, key) → gradients, loss, losses by name, metrics by name."""


def batch_gradients(system: nn.Module, mesh: Mesh, microbatches: int) -> BatchGradients:
    """The gradients of a system's losses, for a batch whose rows lie spread over a mesh.

    The devices are mapped by hand: everything but the sums of gradients, losses and metrics stays
    where it is computed, which the partitioner would not manage (it gathers what top-k reads).

    Args:
      system: model with `losses(batch, key, shard) -> losses, metrics`.
      mesh: devices.
      microbatches: parts that go through the model one after the other; gradients, losses and
        metrics are their means.
    """
    if mesh.size == 1:
        return _in_parts(_one_shard(system, WHOLE), microbatches)
    shard = Shard("data", mesh.size)
    parts = _in_parts(_one_shard(system, shard), microbatches)

    def summed(params, constants, batch, key):
        gradients, loss, losses, values = parts(params, constants, batch, key)
        gradients, loss, losses = jax.lax.psum((gradients, loss, losses), shard.axis)
        return gradients, loss, losses, jax.lax.pmean(values, shard.axis)

    everywhere, by_rows = PartitionSpec(), PartitionSpec(shard.axis)
    return jax.shard_map(
        summed,
        mesh=mesh,
        in_specs=(everywhere, everywhere, by_rows, everywhere),
        out_specs=everywhere,
        check_vma=False,
    )


def _one_shard(system: nn.Module, shard: Shard) -> BatchGradients:
    """A shard's part of the gradients, of rows that go through the model as one."""

    def gradients_of(params, constants, batch, key):
        def total_loss(params):
            variables = {"params": params} | constants
            losses, values = system.apply(variables, batch, key, shard, method="losses")
            return sum(losses.values()), (losses, values)

        (loss, (losses, values)), gradients = jax.value_and_grad(total_loss, has_aux=True)(params)
        return gradients, loss, losses, values

    return gradients_of


def _in_parts(gradients_of: BatchGradients, microbatches: int) -> BatchGradients:
    """Means over microbatches."""
    if microbatches == 1:
        return gradients_of

    def means(params, constants, batch, key):
        def part(number):
            return jax.tree.map(lambda x: _interleaved(x, microbatches)[:, number], batch)

        def add(total, number):
            part_key = jax.random.fold_in(key, number)
            found = gradients_of(params, constants, part(number), part_key)
            return jax.tree.map(jnp.add, total, found), None

        shapes = jax.eval_shape(lambda: gradients_of(params, constants, part(0), key))
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        total, _ = jax.lax.scan(add, zeros, jnp.arange(microbatches))
        return jax.tree.map(lambda x: x / microbatches, total)

    return means


def _interleaved(x: jax.Array, parts: int) -> jax.Array:
    """[B, ...] → [B / parts, parts, ...]; part k is [:, k], the same rows on any devices."""
    return x.reshape(len(x) // parts, parts, *x.shape[1:])
