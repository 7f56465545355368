"""What a training run carries from step to step."""

from __future__ import annotations

import flax
import jax
import jax.numpy as jnp
import optax

from ovis_jax.models.batch_norm import RUNNING_STATS


@flax.struct.dataclass
class TrainState:
    """Everything that a step changes, and the constants of the model.

    Attributes:
      step: [] int32, updates so far; also the number of the next batch.
      params: parameters of the model.
      constants: its other collections, such as the statistics of frozen batch norm.
      opt_state: state of the optimizer.
      average: exponential moving average of the parameters, which predicts in their place; None
        without one.
      stats: collections that the losses change, such as the running statistics of batch norm.
    """

    step: jax.Array
    params: dict
    constants: dict
    opt_state: optax.OptState
    average: dict | None = None
    stats: dict = flax.struct.field(default_factory=dict)

    @property
    def variables(self) -> dict:
        """What the model predicts with."""
        params = self.params if self.average is None else self.average
        return {"params": params} | self.constants | self.stats

    @property
    def progress(self) -> dict:
        """What a checkpoint holds beside `variables`, so that training can go on."""
        progress = {"step": self.step, "opt_state": self.opt_state}
        return progress if self.average is None else progress | {"params": self.params}

    def restored(self, variables: dict, progress: dict) -> TrainState:
        """The state whose `variables` and `progress` these are; averaged if this one is."""
        params, constants, stats = _parted(variables)
        predicts = "params" if self.average is None else "average"
        return TrainState(constants=constants, stats=stats, **{predicts: params}, **progress)


@flax.struct.dataclass
class StepMetrics:
    """What one step tells; stays on the device until somebody reads it.

    Attributes:
      loss: [] float32, sum of the losses.
      losses: by name, [] float32.
      values: other numbers by name, [] float32.
      sample: [B] int32, the query frames of the batch.
    """

    loss: jax.Array
    losses: dict[str, jax.Array]
    values: dict[str, jax.Array]
    sample: jax.Array


def initial_state(
    variables: dict, optimizer: optax.GradientTransformation, *, averaged: bool = False
) -> TrainState:
    """State before the first step, from `params` and the other collections.

    Args:
      variables: of the model.
      optimizer: makes the state that it needs.
      averaged: whether the state has an average of the parameters; it starts as these.
    """
    params, constants, stats = _parted(variables)
    return TrainState(
        step=jnp.zeros((), jnp.int32),
        params=params,
        constants=constants,
        opt_state=optimizer.init(params),
        average=jax.tree.map(jnp.array, params) if averaged else None,
        stats=stats,
    )


def _parted(variables: dict) -> tuple[dict, dict, dict]:
    """Parameters, constant collections, and those that the losses change."""
    others = {name: value for name, value in variables.items() if name != "params"}
    stats = {RUNNING_STATS: others.pop(RUNNING_STATS)} if RUNNING_STATS in others else {}
    return variables["params"], others, stats
