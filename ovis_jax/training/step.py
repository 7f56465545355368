"""One optimisation step."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn
from jax.sharding import Mesh

from ovis_jax.structures import Clips
from ovis_jax.training.gradients import batch_gradients
from ovis_jax.training.optimizer import trained_norm
from ovis_jax.training.sharding import by_batch, replicated
from ovis_jax.training.state import StepMetrics, TrainState

TrainStep = Callable[[TrainState, Clips, jax.Array], tuple[TrainState, StepMetrics]]


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
      system: model with `losses(batch, keys) -> losses, metrics`, both `Mean` by name; the sum of
        the values of the losses is minimised.
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
    gradients_of = batch_gradients(system, mesh, microbatches)

    def train_step(state: TrainState, batch: Clips, key: jax.Array):
        key = jax.random.fold_in(key, state.step)
        gradients, loss, losses, values, stats = gradients_of(
            state.params, state.constants, state.stats, batch, key
        )
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        values = values | {
            "gradient_norm": trained_norm(gradients, trained),
            "learning_rate": schedule(state.step),
        }
        params = optax.apply_updates(state.params, updates)
        state = state.replace(
            step=state.step + 1,
            params=params,
            opt_state=opt_state,
            average=_next_average(state, params, average_decay),
            stats=stats,
        )
        return state, StepMetrics(loss=loss, losses=losses, values=values, sample=batch.sample)

    whole, split = replicated(mesh), by_batch(mesh)
    return jax.jit(
        train_step,
        in_shardings=(whole, split, whole),
        out_shardings=whole,
        donate_argnames="state",
    )


def _next_average(state: TrainState, params: dict, decay: float) -> dict | None:
    """The state's average, if it has one, a step towards new parameters."""
    if state.average is None:
        return None
    kept = jnp.minimum(decay, (1 + state.step) / (10 + state.step))
    return optax.incremental_update(params, state.average, 1 - kept)
