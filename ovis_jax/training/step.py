"""One optimisation step."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax.sharding import Mesh, PartitionSpec

from ovis_jax.ops.shards import Shard
from ovis_jax.structures import FramePairs
from ovis_jax.training.optimizer import trained_norm
from ovis_jax.training.sharding import by_batch, replicated
from ovis_jax.training.state import StepMetrics, TrainState

TrainStep = Callable[[TrainState, FramePairs, jax.Array], tuple[TrainState, StepMetrics]]


def make_train_step(
    system: nn.Module,
    optimizer: optax.GradientTransformation,
    schedule: optax.Schedule,
    trained: dict,
    mesh: Mesh,
    *,
    microbatches: int = 1,
    average_decay: float = 0.0,
) -> TrainStep:
    """Compiles `train_step(state, batch, key)` for a mesh.

    Args:
      system: model with `losses(batch, key, shard) -> losses, metrics`; the sum of the losses is
        minimised.
      optimizer: turns gradients into updates.
      schedule: its learning rate, to be reported.
      trained: tree of bool like the parameters, whether the optimizer changes them.
      mesh: devices; the state is replicated, the batch is split along its first axis.
      microbatches: parts that a batch goes through the model in, one after the other; losses and
        gradients are their means. Activations take the memory of one part.
      average_decay: of the state's average, if it has one: the share that a step leaves of it. In
        the first steps it is (1 + steps) / (10 + steps), so that the start is soon forgotten.

    Returns:
      A function of a state (donated: its buffers are reused), a batch, and the key of the run; the
      key of the step is folded in from it.
    """
    shard = Shard() if mesh.size == 1 else Shard("data", mesh.size)

    def gradients_of(params, constants, batch: FramePairs, key: jax.Array):
        """This shard's part of gradients, losses and metrics of rows that go through as one."""

        def total_loss(params):
            variables = {"params": params} | constants
            losses, values = system.apply(variables, batch, key, shard, method="losses")
            return sum(losses.values()), (losses, values)

        (loss, (losses, values)), gradients = jax.value_and_grad(total_loss, has_aux=True)(params)
        return gradients, loss, losses, values

    def mean_gradients(params, constants, batch: FramePairs, key: jax.Array):
        """As `gradients_of`, means over the microbatches."""
        if microbatches == 1:
            return gradients_of(params, constants, batch, key)

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

    def summed_gradients(params, constants, batch: FramePairs, key: jax.Array):
        """As `mean_gradients`, of the whole batch; metrics are means over the shards."""
        gradients, loss, losses, values = mean_gradients(params, constants, batch, key)
        gradients, loss, losses = jax.lax.psum((gradients, loss, losses), shard.axis)
        return gradients, loss, losses, jax.lax.pmean(values, shard.axis)

    batch_gradients = mean_gradients
    if mesh.size > 1:  # mapped by hand, so that all but the gradients stays where it is computed
        everywhere, by_rows = PartitionSpec(), PartitionSpec("data")
        batch_gradients = jax.shard_map(
            summed_gradients,
            mesh=mesh,
            in_specs=(everywhere, everywhere, by_rows, everywhere),
            out_specs=everywhere,
            check_vma=False,
        )

    def train_step(state: TrainState, batch: FramePairs, key: jax.Array):
        key = jax.random.fold_in(key, state.step)
        gradients, loss, losses, values = batch_gradients(state.params, state.constants, batch, key)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        values = values | {
            "gradient_norm": trained_norm(gradients, trained),
            "learning_rate": schedule(state.step),
        }
        params = optax.apply_updates(state.params, updates)
        average = state.average
        if average is not None:
            kept = jnp.minimum(average_decay, (1 + state.step) / (10 + state.step))
            average = optax.incremental_update(params, average, 1 - kept)
        state = state.replace(
            step=state.step + 1, params=params, opt_state=opt_state, average=average
        )
        return state, StepMetrics(loss=loss, losses=losses, values=values, sample=batch.sample)

    whole, split = replicated(mesh), by_batch(mesh)
    return jax.jit(
        train_step,
        in_shardings=(whole, split, whole),
        out_shardings=whole,
        donate_argnames="state",
    )


def _interleaved(x: jax.Array, parts: int) -> jax.Array:
    """[B, ...] → [B / parts, parts, ...]; part k is [:, k], the same rows on any devices."""
    return x.reshape(len(x) // parts, parts, *x.shape[1:])
