"""What a training run carries from step to step."""

from __future__ import annotations

import flax
import jax
import jax.numpy as jnp
import optax


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
    """

    step: jax.Array
    params: dict
    constants: dict
    opt_state: optax.OptState
    average: dict | None = None

    @property
    def variables(self) -> dict:
        """What the model predicts with."""
        params = self.params if self.average is None else self.average
        return {"params": params} | self.constants

    @property
    def progress(self) -> dict:
        """What a checkpoint holds beside `variables`, so that training can go on."""
        progress = {"step": self.step, "opt_state": self.opt_state}
        return progress if self.average is None else progress | {"params": self.params}

    def restored(self, variables: dict, progress: dict) -> TrainState:
        """The state whose `variables` and `progress` these are; averaged if this one is."""
        constants = {name: value for name, value in variables.items() if name != "params"}
        predicts = "params" if self.average is None else "average"
        return TrainState(constants=constants, **{predicts: variables["params"]}, **progress)


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
    """State before the first step, from `params` and constant collections.

    Args:
      variables: of the model.
      optimizer: makes the state that it needs.
      averaged: whether the state has an average of the parameters; it starts as these.
    """
    constants = {name: value for name, value in variables.items() if name != "params"}
    params = variables["params"]
    average = jax.tree.map(jnp.array, params) if averaged else None
    return TrainState(jnp.zeros((), jnp.int32), params, constants, optimizer.init(params), average)
