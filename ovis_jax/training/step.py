"""One optimisation step."""

from __future__ import annotations

from collections.abc import Callable

import jax
import optax
from flax import linen as nn
from jax.sharding import Mesh

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
) -> TrainStep:
    """Compiles `train_step(state, batch, key)` for a mesh.

    Args:
      system: model with `losses(batch, key) -> losses, metrics`; minimises the sum of the losses.
      optimizer: turns gradients into updates.
      schedule: its learning rate, to be reported.
      trained: tree of bool like the parameters, whether the optimizer changes them.
      mesh: devices; the state is replicated, the batch is split along its first axis.

    Returns:
      A function of a state (donated: its buffers are reused), a batch, and the key of the run; the
      key of the step is folded in from it.
    """

    def train_step(state: TrainState, batch: FramePairs, key: jax.Array):
        key = jax.random.fold_in(key, state.step)

        def total_loss(params):
            variables = {"params": params} | state.constants
            losses, values = system.apply(variables, batch, key, method="losses")
            return sum(losses.values()), (losses, values)

        gradient = jax.value_and_grad(total_loss, has_aux=True)
        (loss, (losses, values)), gradients = gradient(state.params)
        updates, opt_state = optimizer.update(gradients, state.opt_state, state.params)
        values = values | {
            "gradient_norm": trained_norm(gradients, trained),
            "learning_rate": schedule(state.step),
        }
        state = state.replace(
            step=state.step + 1,
            params=optax.apply_updates(state.params, updates),
            opt_state=opt_state,
        )
        return state, StepMetrics(loss=loss, losses=losses, values=values, sample=batch.sample)

    whole, split = replicated(mesh), by_batch(mesh)
    return jax.jit(
        train_step,
        in_shardings=(whole, split, whole),
        out_shardings=whole,
        donate_argnames="state",
    )
