"""The programs of a configuration, traced for the devices of a topology; nothing runs."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec
from ml_collections import ConfigDict

from benchmarks.devices.request import Request
from benchmarks.devices.targets import TARGETS
from benchmarks.train_program import StepMemory, TrainProgram, load_config
from ovis_jax.data.from_config import resizing
from ovis_jax.data.transforms import frame_geometry
from ovis_jax.inference import window as windows
from ovis_jax.models.build import build_model
from ovis_jax.ops.platforms import traced_for
from ovis_jax.structures import Window

FRAME = (1280, 720)  # width and height of the frames that inference is given


def configuration(request: Request) -> ConfigDict:
    """The configuration of a request, with its changes."""
    config = load_config(request.config)
    config.model.dtype = request.dtype
    if request.image_scale is not None:
        config.data.image_scale = tuple(request.image_scale)
    if request.window is not None:
        config.predict.reference_window = request.window
    return config


def lowered(request: Request, devices: list) -> jax.stages.Lowered:
    """The program of a request, lowered for the devices."""
    platform = TARGETS[request.target].platform
    with traced_for("gpu" if platform == "cuda" else platform):
        return _lowered(request, devices)


def _lowered(request: Request, devices: list) -> jax.stages.Lowered:
    config = configuration(request)
    if request.program == "train":
        mesh = Mesh(np.array(devices), ("data",))
        return TrainProgram(config, mesh).lower(request.pairs * len(devices))
    function, *shapes = Inference(config, request.chunk).program(request.program)
    place = NamedSharding(Mesh(np.array(devices[:1]), ("data",)), PartitionSpec())
    return jax.jit(function, in_shardings=place, out_shardings=place).lower(*shapes)


def step_memory(request: Request) -> StepMemory | None:
    """What docs/scaling.md says that a training step needs on a device; None for inference."""
    if request.program != "train":
        return None
    return TrainProgram(configuration(request)).memory(request.pairs)


class Inference:
    """The functions of prediction and the shapes of their arguments."""

    def __init__(self, config: ConfigDict, chunk: int):
        """Of a configuration; `encode` gets `chunk` frames."""
        self._config, self._chunk = config, chunk
        self._system, self._variables = build_model(config)
        self._geometry = frame_geometry(*FRAME, resizing(config.data))

    def program(self, name: str) -> tuple[Callable, ...]:
        """The function of that name ("encode", "step", "whole_frame") and its shapes.

        A whole frame is encoded alone and follows the others of its window.
        """
        if name == "encode":
            return self._encode, self._variables, *self._frames(self._chunk)
        features = jax.eval_shape(self._encode, self._variables, *self._frames(1))
        memory = jax.eval_shape(self._memory, self._variables, features)
        if name == "step":
            return self._step, self._variables, memory, self._window(features)
        frame = windows.EncodedFrames(features, exists=jax.ShapeDtypeStruct((1,), bool))
        buffer = jax.eval_shape(lambda: windows.empty_frames(frame, self._neighbours))
        shapes = self._variables, memory, buffer, *self._frames(1)
        return self._whole_frame, *shapes

    @property
    def _neighbours(self) -> int:
        return self._system.window_before + self._system.window_after

    def _frames(self, count: int) -> tuple[jax.ShapeDtypeStruct, jax.ShapeDtypeStruct]:
        shape = (count, self._geometry.canvas_height, self._geometry.canvas_width, 3)
        return jax.ShapeDtypeStruct(shape, np.uint8), jax.ShapeDtypeStruct((count, 2), np.float32)

    def _window(self, features) -> Window:
        count = self._neighbours + 1
        return Window(
            features=jax.tree.map(
                lambda x: jax.ShapeDtypeStruct((count, *x.shape[1:]), x.dtype), features
            ),
            valid=jax.ShapeDtypeStruct((count,), bool),
            image_size=jax.ShapeDtypeStruct((2,), np.float32),
            scale=jax.ShapeDtypeStruct((2,), np.float32),
        )

    def _encode(self, variables, frames, sizes):
        return self._system.apply(variables, frames, sizes, method="encode")

    def _memory(self, variables, features):
        shapes = windows.frame_shapes(features)
        tracks = self._config.capacity.tracks
        return self._system.apply(variables, tracks, shapes, method="init_memory")

    def _step(self, variables, memory, window):
        return self._system.apply(variables, memory, window, method="step")

    def _whole_frame(self, variables, memory, buffer, frames, sizes):
        features = self._encode(variables, frames, sizes)
        new = windows.EncodedFrames(features=features, exists=jnp.ones(1, bool))
        frames = windows.append(buffer, new)
        window = Window(
            features=frames.features,
            valid=frames.exists,
            image_size=sizes[0],
            scale=jnp.full(2, 0.5),
        )
        memory, output = self._step(variables, memory, window)
        return memory, windows.last(frames, self._neighbours), output
