"""The training step of a configuration, to be timed or only compiled."""

from __future__ import annotations

import dataclasses
import importlib.util

import jax
from flax import linen as nn
from jax.sharding import Mesh
from ml_collections import ConfigDict

from ovis_jax.data.augment.views import Views
from ovis_jax.data.clips import empty_clip
from ovis_jax.data.from_config import training_settings
from ovis_jax.identities import sized_without_annotations
from ovis_jax.models.build import build_model, init_variables
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.structures import Clips
from ovis_jax.train import descent_of
from ovis_jax.training.optimizer import (
    decayed_parameters,
    make_optimizer,
    rate_factors,
    trained_parameters,
)
from ovis_jax.training.sharding import data_mesh, replicate
from ovis_jax.training.state import TrainState, initial_state
from ovis_jax.training.step import TrainStep, make_train_step

GIB = 2**30
RATE = 1e-4


@dataclasses.dataclass(frozen=True)
class StepMemory:
    """What a training step needs on a device, by the formula of docs/scaling.md; in bytes.

    Attributes:
      state: parameters, momentum, average.
      gradients: as much as the parameters.
      batch: frame pairs.
      kept: by the forward pass for the backward pass, of each pair.
      pairs: frame pairs that are computed together on the device.
    """

    state: int
    gradients: int
    batch: int
    kept: int
    pairs: int

    @property
    def total(self) -> int:
        """The sum."""
        return self.state + self.gradients + self.batch + self.pairs * self.kept

    def __str__(self) -> str:
        """The formula with its numbers in GiB."""
        return (
            f"state {self.state / GIB:.2f} + gradients {self.gradients / GIB:.2f} + batch "
            f"{self.batch / GIB:.2f} + {self.pairs} pairs x {self.kept / GIB:.2f} = "
            f"{self.total / GIB:.2f} GiB"
        )


class TrainProgram:
    """Step, state and batch shapes of `config`, on all devices or those of a mesh.

    Attributes:
      step: compiled when first called; takes state, batch and key.
      mesh: the devices.
    """

    def __init__(self, config: ConfigDict, mesh: Mesh | None = None):
        """Compiles nothing yet; without a mesh all devices are used."""
        self._config, settings = config, config.train
        self._system, self._shapes = build_model(config)
        trained = trained_parameters(self._shapes["params"], settings.frozen)
        self._optimizer = make_optimizer(
            lambda step: RATE,
            trained,
            descent_of(settings),
            decayed=decayed_parameters(self._shapes["params"], settings.undecayed),
            factors=rate_factors(self._shapes["params"], settings.slowed),
        )
        self.mesh = data_mesh() if mesh is None else mesh
        self.step: TrainStep = make_train_step(
            self._system,
            self._optimizer,
            lambda step: RATE,
            trained,
            self.mesh,
            microbatches=settings.microbatches,
            average_decay=settings.average_decay,
        )

    @property
    def system(self) -> nn.Module:
        """The model."""
        return self._system

    def state(self) -> TrainState:
        """A first state with random weights, on the devices."""
        return replicate(self._start(init_variables(self._system, jax.random.key(0))), self.mesh)

    def state_shapes(self) -> TrainState:
        """Shapes of the state."""
        return jax.eval_shape(self._start, self._shapes)

    def compile(self, num_pairs: int) -> jax.stages.Compiled:
        """Compiles the step for a batch of so many pairs; runs nothing."""
        return self.lower(num_pairs).compile()

    def lower(self, num_pairs: int) -> jax.stages.Lowered:
        """Traces and lowers the step for a batch of so many pairs."""
        key = jax.eval_shape(lambda: jax.random.key(0))
        return self.step.lower(self.state_shapes(), self.batch_shapes(num_pairs), key)

    def batch_shapes(self, num_pairs: int) -> Clips:
        """Shapes of a batch of landscape frames."""
        settings = training_settings(self._config.data).sampling
        sides = settings.resizing.image_scale
        canvas = Views(settings.resizing, settings.augmentation).canvas(max(sides), min(sides))
        empty = empty_clip(*canvas, settings.frames.shape(self._config.capacity.instances))
        return jax.tree.map(lambda x: jax.ShapeDtypeStruct((num_pairs, *x.shape), x.dtype), empty)

    def memory(self, num_pairs: int, together: int | None = None) -> StepMemory:
        """What a step with so many pairs on a device needs, of which `together` at a time."""
        state = self.state_shapes()
        return StepMemory(
            state=size_in_bytes(state),
            gradients=size_in_bytes(state.params),
            batch=size_in_bytes(self.batch_shapes(num_pairs)),
            kept=self.kept_bytes(2) - self.kept_bytes(1),
            pairs=together or num_pairs,
        )

    def kept_bytes(self, num_pairs: int) -> int:
        """Bytes that the forward pass of so many pairs leaves for the backward pass."""
        params, batch = self._shapes["params"], self.batch_shapes(num_pairs)
        constants = {name: x for name, x in self._shapes.items() if name != "params"}

        def backward(params, constants, batch, key):
            def total_loss(params):
                variables = {"params": params} | constants
                keys = RowKeys.of(key, num_pairs)
                losses, _ = self._system.apply(variables, batch, keys, method="losses")
                return sum(loss.value for loss in losses.values())

            return jax.vjp(total_loss, params)[1]

        key = jax.eval_shape(lambda: jax.random.key(0))
        return size_in_bytes(jax.eval_shape(backward, params, constants, batch, key))

    def _start(self, variables: dict) -> TrainState:
        averaged = self._config.train.average_decay > 0
        return initial_state(variables, self._optimizer, averaged=averaged)


def load_config(path: str) -> ConfigDict:
    """The configuration of a file, unlocked."""
    spec = importlib.util.spec_from_file_location("config", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    config = module.get_config().copy_and_resolve_references().unlock()
    return sized_without_annotations(config)


def size_in_bytes(shapes) -> int:
    """Bytes of all arrays of a tree of shapes."""
    return sum(x.size * x.dtype.itemsize for x in jax.tree.leaves(shapes))
