"""Gradients of a batch: of microbatches one after the other, on devices side by side."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
from flax import linen as nn
from jax.sharding import Mesh, PartitionSpec

from ovis_jax.ops.means import Mean
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.structures import Clips

BatchGradients = Callable[[dict, dict, dict, Clips, jax.Array], tuple]
"""(params, constants, stats, batch, key) → gradients, loss, losses by name, metrics by name, stats.

`stats` are collections that the losses may change, by name; none is {}."""


def batch_gradients(system: nn.Module, mesh: Mesh, microbatches: int) -> BatchGradients:
    """The gradients of a system's losses, for a batch whose rows lie spread over a mesh.

    A loss is its total over its count, both of the rows on all devices. Every device divides its
    own total by the count of all, so that losses and gradients need only be added up.

    The devices are mapped by hand: everything but the sums of gradients, losses and metrics stays
    where it is computed, which the partitioner would not manage (it gathers what top-k reads).

    What the losses make of `stats` is averaged over the devices, which all begin with the same.

    Args:
      system: model with `losses(batch, keys) -> losses, metrics`, both `Mean` by name.
      mesh: devices.
      microbatches: parts that go through the model one after the other. Gradients and losses are
        their means: each part has counts of its own, since those of all parts would be known too
        late. Metrics are means over the whole batch. Each part begins with the `stats` that the
        one before left.
    """
    axis = None if mesh.size == 1 else "data"
    parts = _in_parts(_gradients_of_rows(system, axis), microbatches)

    def summed(params, constants, stats, batch, key):
        found, stats = parts(params, constants, stats, batch, key)
        (gradients, loss, losses), metrics = _total(found, axis)
        values = {name: metric.value for name, metric in metrics.items()}
        return gradients, loss, losses, values, _mean(stats, axis)

    if axis is None:
        return summed
    everywhere, by_rows = PartitionSpec(), PartitionSpec(axis)
    return jax.shard_map(
        summed,
        mesh=mesh,
        in_specs=(everywhere, everywhere, everywhere, by_rows, everywhere),
        out_specs=everywhere,
        check_vma=False,
    )


def _gradients_of_rows(system: nn.Module, axis: str | None) -> Callable:
    """One device's part: ((gradients, loss, losses), metrics) to be added up, and its stats."""

    def gradients_of(params, constants, stats, batch, key):
        keys = _row_keys(key, len(batch.sample), axis)

        def part_of_loss(params):
            variables = {"params": params} | constants | stats
            (losses, metrics), moved = system.apply(
                variables, batch, keys, method="losses", mutable=list(stats)
            )
            parts = {name: _part(loss, axis) for name, loss in losses.items()}
            return sum(parts.values()), (parts, metrics, moved)

        compute = jax.value_and_grad(part_of_loss, has_aux=True)
        (loss, (losses, metrics, moved)), gradients = compute(params)
        return ((gradients, loss, losses), metrics), moved

    return gradients_of


def _part(loss: Mean, axis: str | None) -> jax.Array:
    """What this device's rows add to a loss of the rows of all devices."""
    count = _total(jax.lax.stop_gradient(loss.count), axis)
    return loss.replace(count=count).value


def _total(tree, axis: str | None):
    """Sums over the devices of a mapped axis; None: there is one device."""
    return tree if axis is None else jax.lax.psum(tree, axis)


def _mean(tree, axis: str | None):
    """Means over the devices of a mapped axis; None: there is one device."""
    return tree if axis is None else jax.lax.pmean(tree, axis)


def _row_keys(key: jax.Array, rows: int, axis: str | None) -> RowKeys:
    """Keys of this device's rows; a row of the batch has the same ones on any devices."""
    first = 0 if axis is None else jax.lax.axis_index(axis) * rows
    return RowKeys(key, first + jnp.arange(rows))


def _in_parts(gradients_of: Callable, microbatches: int) -> Callable:
    """Means of gradients and losses over microbatches, metrics of all, and stats of the last."""
    if microbatches == 1:
        return gradients_of

    def means(params, constants, stats, batch, key):
        def part(number):
            return jax.tree.map(lambda x: _interleaved(x, microbatches)[:, number], batch)

        def add(so_far, number):
            total, stats = so_far
            part_key = jax.random.fold_in(key, number)
            found, stats = gradients_of(params, constants, stats, part(number), part_key)
            return (jax.tree.map(jnp.add, total, found), stats), None

        shapes, _ = jax.eval_shape(lambda: gradients_of(params, constants, stats, part(0), key))
        zeros = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)
        found, _ = jax.lax.scan(add, (zeros, stats), jnp.arange(microbatches))
        (total, metrics), stats = found
        return (jax.tree.map(lambda x: x / microbatches, total), metrics), stats

    return means


def _interleaved(x: jax.Array, parts: int) -> jax.Array:
    """[B, ...] → [B / parts, parts, ...]; part k is [:, k], the same rows on any devices."""
    return x.reshape(len(x) // parts, parts, *x.shape[1:])
