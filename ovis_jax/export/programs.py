"""What is exported of a system: `encode` and `step` for frames of one size, of arrays alone.

    encode(weights, frames [C, H, W, 3] uint8) -> features
    step(weights, state, features, exists [C] bool) -> state, outputs

C frames are encoded together. `weights`, `state` and `features` are lists of arrays, `outputs` a
dictionary of the fields of `FrameOutput`, [C, ...] each: none of the records of this package is
needed to call them. Slot i of a call holds the outputs of the frame that came `window_after` frames
before frame i of the call; after the last frame, calls with `exists` all False give the rest.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from ovis_jax.inference import window as windows
from ovis_jax.inference.stream import advance, start_video
from ovis_jax.ops.platforms import traced_for
from ovis_jax.structures import FrameOutput

PLATFORMS = {"cpu": "cpu", "cuda": "gpu", "tpu": "tpu"}
"""What `jax.export` calls a platform, and what operations are written for (`ops.platforms`)."""


@dataclasses.dataclass(frozen=True)
class FrameSize:
    """The frames that are exported for.

    Attributes:
      canvas: (height, width) with padding.
      image_size: (height, width) as in `FrameGeometry.image_size`.
      scale: resized pixels per original pixel in x and in y.
      chunk: frames that are encoded together.
    """

    canvas: tuple[int, int]
    image_size: tuple[float, float]
    scale: tuple[float, float]
    chunk: int


class Programs:
    """The two functions of a system, and what they are called with first.

    Attributes:
      weights: leaves of the variables, in numpy.
      weight_names: the path of each.
      state: before the first frame, in numpy.
      encode: see above.
      step: see above.
    """

    def __init__(self, system: nn.Module, variables: dict, size: FrameSize, tracks: int):
        """Makes them.

        Args:
          system: as `VideoStream` takes it.
          variables: its variables.
          size: of the frames.
          tracks: capacity of the track memory.
        """
        named, self._variables = jax.tree.flatten_with_path(variables)
        paths = [jax.tree_util.keystr(path, simple=True, separator="/") for path, _ in named]
        self.weight_names = [f"weights/{path}" for path in paths]
        self.weights = [np.asarray(leaf) for _, leaf in named]
        self._system, self._size = system, size
        features = jax.eval_shape(self._features, self.weights, self._frames())
        self._feature_tree = jax.tree.structure(features)
        exists = np.zeros(size.chunk, bool)
        encoded = windows.EncodedFrames(features=features, exists=exists)
        state = start_video(system, tracks, variables, encoded)
        self._state_tree = jax.tree.structure(state)
        self.state = [np.asarray(leaf) for leaf in jax.tree.leaves(state)]

    def encode(self, weights: list, frames: jax.Array) -> list:
        """Features of frames."""
        return jax.tree.leaves(self._features(weights, frames))

    def step(self, weights: list, state: list, features: list, exists: jax.Array):
        """The next state, and the outputs of the frames whose windows are complete."""
        features = jax.tree.unflatten(self._feature_tree, features)
        state, output = advance(
            self._system,
            jax.tree.unflatten(self._variables, weights),
            jax.tree.unflatten(self._state_tree, state),
            windows.EncodedFrames(features=features, exists=exists),
            np.float32(self._size.image_size),
            np.float32(self._size.scale),
        )
        return jax.tree.leaves(state), _fields(output)

    def example(self, name: str) -> tuple:
        """Shapes of the arguments of "encode" or "step"."""
        features = jax.eval_shape(self.encode, self.weights, self._frames())
        exists = jax.ShapeDtypeStruct((self._size.chunk,), jnp.bool)
        rest = {"encode": (self._frames(),), "step": (self.state, features, exists)}[name]
        return jax.tree.map(_shape, (self.weights, *rest))

    def exported(self, name: str, platform: str) -> jax.export.Exported:
        """One of the functions as `jax.export` has it, with the operations of a platform.

        Args:
          name: "encode" or "step".
          platform: one of `PLATFORMS`; it need not be at hand.
        """
        function: Callable[..., Any] = getattr(self, name)
        with traced_for(PLATFORMS[platform]):
            # A new function each time: what was traced for one platform is not that of another.
            program = jax.jit(lambda *arguments: function(*arguments))
            return jax.export.export(program, platforms=[platform])(*self.example(name))

    def _frames(self) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((self._size.chunk, *self._size.canvas, 3), jnp.uint8)

    def _features(self, weights: list, frames: jax.Array) -> Any:
        variables = jax.tree.unflatten(self._variables, weights)
        sizes = np.tile(np.float32(self._size.image_size), (self._size.chunk, 1))
        return self._system.apply(variables, frames, sizes, method="encode")


def _shape(array: Any) -> jax.ShapeDtypeStruct:
    return jax.ShapeDtypeStruct(array.shape, array.dtype)


def _fields(output: FrameOutput) -> dict[str, jax.Array]:
    """The fields that there are."""
    return {name: value for name, value in vars(output).items() if value is not None}
