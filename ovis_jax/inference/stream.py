"""Frames of a video in, padded outputs out: constant memory, one program a canvas size."""

from __future__ import annotations

import copy
import dataclasses
import functools
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any

import flax
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from ovis_jax.inference import window as windows
from ovis_jax.inference.snapshot import Snapshot, restored
from ovis_jax.inference.spread import on_every, spread
from ovis_jax.structures import FrameOutput, Instances, Window

Scale = float | tuple[float, float]


@flax.struct.dataclass
class VideoState:
    """What a video leaves behind for its next chunk.

    Attributes:
      buffer: the last `before + after` encoded frames.
      memory: the system's memory, any pytree.
    """

    buffer: windows.EncodedFrames
    memory: Any


@dataclasses.dataclass(frozen=True)
class ChunkOutput:
    """Outputs of consecutive query frames.

    Attributes:
      first_frame: number of the query frame in slot 0; negative where slots precede the video.
      stop_frame: one more than the number of the last query frame that exists; 0 if none does yet.
      frames: FrameOutput with a leading axis of slots, on the device, perhaps not yet computed.
        Slots before the first and after the last frame of the video hold no valid object.
      state: after the chunk, on the device, until the next chunk is asked for, which reuses its
        memory.
      num_frames: of the video, that were read so far.
    """

    first_frame: int
    stop_frame: int
    frames: FrameOutput
    state: VideoState | None = None
    num_frames: int = 0


class VideoOutputs:
    """The outputs of one video in the order of its frames; they can be read once.

    Attributes:
      memory: the system's memory after the video, on the device, once all outputs have been read;
        None before, and if there are none.
    """

    def __init__(self, chunks: Generator[ChunkOutput, None, Any]):
        """Outputs that a generator yields, which returns the memory."""
        self.memory = None
        self.chunks = chunks

    def __iter__(self) -> Iterator[ChunkOutput]:
        """Yields the chunks."""
        self.memory = yield from self.chunks


class VideoStream:
    """Runs a system over videos of any length, chunk by chunk.

    Every frame passes `encode` once, `chunk` frames together. A frame becomes the query as soon as
    the frames after it that its window needs are encoded, so outputs lag `window_after` frames.
    The numbers do not depend on `chunk`.

    Attributes:
      chunk: frames that are encoded together.
      finish: the system's `finish(memory, tracks)`.
    """

    def __init__(self, system: nn.Module, variables: dict, *, chunk: int, tracks: int):
        """Makes a stream.

        Args:
          system: module with `encode(frames [B, H, W, 3] uint8, image_size [B, 2])`,
            `init_memory(tracks, features)`, of the shapes of a frame's features, `step(memory,
            window)`, `finish(memory, tracks)`, `window_before` and `window_after`.
          variables: the system's variables.
          chunk: frames encoded together.
          tracks: capacity of the track memory.
        """
        if chunk < 1:
            raise ValueError(f"chunk must be at least 1, not {chunk}")
        self.finish = system.finish
        self._variables = self._encode_variables = variables
        self._first: jax.Device | None = None  # where encoded frames are brought
        self.chunk = chunk
        self._after = system.window_after
        self._apply_encode = functools.partial(system.apply, method="encode")
        self._encode = jax.jit(self._apply_encode)
        self._start = jax.jit(functools.partial(start_video, system, tracks))
        self._advance = jax.jit(functools.partial(advance, system), donate_argnums=1)

    def on(self, device: jax.Device) -> VideoStream:
        """The same stream on another device; what is compiled is shared."""
        moved = copy.copy(self)
        moved._variables = moved._encode_variables = jax.device_put(self._variables, device)
        return moved

    def over(self, devices: Sequence[jax.Device]) -> VideoStream:
        """The same stream with the frames of a chunk encoded on several devices of this process.

        The chunk must be a multiple of their number. The first device steps through the windows.
        """
        if self.chunk % len(devices):
            raise ValueError(
                f"chunk must be a multiple of {len(devices)} devices, not {self.chunk}"
            )
        moved = self.on(devices[0])
        moved._first = devices[0]
        moved._encode_variables = on_every(self._variables, devices)
        moved._encode = spread(self._apply_encode, devices)
        return moved

    def __call__(
        self,
        frames: Iterable[np.ndarray],
        image_size: tuple[float, float],
        scale: Scale,
        truth: Instances | None = None,
        resumed: Snapshot | None = None,
    ) -> VideoOutputs:
        """The outputs of one video in the order of its frames.

        They are yielded before they are computed: reading them waits for the device.

        Args:
          frames: the video's frames, [H, W, 3] uint8 each, padded; one size.
          image_size: (height, width) of the resized frames without padding; see
            `FrameGeometry.image_size`.
          scale: resized pixels per original pixel in x and in y, or one number for both.
          truth: Instances [T, N, ...] of all frames without masks, in numpy; for an oracle.
          resumed: what was read before `frames`, by a stream of the same chunk and system.
        """
        return VideoOutputs(self._outputs(frames, image_size, scale, truth, resumed))

    def _outputs(
        self,
        frames: Iterable[np.ndarray],
        image_size: tuple[float, float],
        scale: Scale,
        truth: Instances | None,
        resumed: Snapshot | None,
    ) -> Generator[ChunkOutput, None, Any]:
        size = np.asarray(image_size, np.float32)
        scale = np.broadcast_to(np.float32(scale), 2)
        sizes = np.tile(size, (self.chunk, 1))
        state, features = None, None
        num_frames, first_query = 0, -self._after
        if resumed is not None:
            state, features = self._restored(resumed, sizes)
            num_frames, first_query = resumed.num_frames, resumed.num_frames - self._after
        for images, exists in _chunks(frames, self.chunk):
            features = self._encode(self._encode_variables, images, sizes)
            if self._first is not None:
                features = jax.device_put(features, self._first)
            own = _part_of(truth, num_frames, self.chunk)
            encoded = windows.EncodedFrames(features=features, exists=exists, truth=own)
            state = self._start(self._variables, encoded) if state is None else state
            state, output = self._advance(self._variables, state, encoded, size, scale)
            num_frames += int(exists.sum())
            yield self._chunk_output(first_query, num_frames, output, state)
            first_query += self.chunk
        while 0 < num_frames > first_query:  # the last queries wait for frames that never come
            own = _part_of(truth, num_frames, self.chunk)
            never = np.zeros(self.chunk, bool)
            encoded = windows.EncodedFrames(features=features, exists=never, truth=own)
            state, output = self._advance(self._variables, state, encoded, size, scale)
            yield self._chunk_output(first_query, num_frames, output, state)
            first_query += self.chunk
        return None if state is None else state.memory

    def _chunk_output(
        self, first: int, num_frames: int, output: FrameOutput, state: VideoState
    ) -> ChunkOutput:
        stop = max(0, min(first + self.chunk, num_frames))
        return ChunkOutput(first, stop, output, state, num_frames)

    def _restored(self, snapshot: Snapshot, sizes: np.ndarray) -> tuple[VideoState, Any]:
        """The state of a snapshot, and features of its shapes, whose numbers are not read."""
        images = jax.ShapeDtypeStruct((self.chunk, *snapshot.canvas, 3), np.uint8)
        features = jax.eval_shape(self._encode, self._encode_variables, images, sizes)
        encoded = windows.EncodedFrames(features=features, exists=np.zeros(self.chunk, bool))
        shapes = jax.eval_shape(self._start, self._variables, encoded)
        nothing = jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), features)
        return restored(snapshot, shapes), nothing


def _chunks(frames: Iterable[np.ndarray], size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Groups frames to ([size, H, W, 3], exists [size]); the last group is filled up with zeros."""
    group: list[np.ndarray] = []
    for frame in frames:
        group.append(frame)
        if len(group) == size:
            yield np.stack(group), np.ones(size, bool)
            group = []
    if group:
        padding = [np.zeros_like(group[0])] * (size - len(group))
        yield np.stack(group + padding), np.arange(size) < len(group)


def _part_of(truth: Instances | None, first: int, size: int) -> Instances | None:
    """Instances [size, ...] of the frames from `first` on; those beyond the end have none."""

    def part(x):
        own = x[first : first + size]
        return np.concatenate([own, np.zeros((size - len(own), *x.shape[1:]), x.dtype)])

    return jax.tree.map(part, truth)


def start_video(
    system: nn.Module, tracks: int, variables: dict, encoded: windows.EncodedFrames
) -> VideoState:
    """State before the first frame of a video whose chunks are such as `encoded`.

    Args:
      system: as `VideoStream` takes it; likewise `tracks` and `variables`.
      tracks: see `system`.
      variables: see `system`.
      encoded: a chunk, or the shapes of one; its numbers are not read.
    """
    shapes = windows.frame_shapes(encoded.features)
    return VideoState(
        buffer=windows.empty_frames(encoded, system.window_before + system.window_after),
        memory=system.apply(variables, tracks, shapes, method="init_memory"),
    )


def advance(
    system: nn.Module,
    variables: dict,
    state: VideoState,
    encoded: windows.EncodedFrames,
    image_size: jax.Array,
    scale: jax.Array,
) -> tuple[VideoState, FrameOutput]:
    """Appends a chunk of encoded frames and steps through the windows that it completes.

    Slots without a query frame are skipped: they cost nothing and leave the memory alone.

    Args:
      system: as `VideoStream` takes it; likewise `variables`.
      variables: see `system`.
      state: of `start_video`, or of the chunk before.
      encoded: frames [chunk, ...].
      image_size: [2] float32, as in `Window`; likewise `scale`.
      scale: see `image_size`.

    Returns:
      The next state, and FrameOutput [chunk, ...] of the query frames, which are those that came
      `window_after` frames before the frames of the chunk.
    """
    before, after = system.window_before, system.window_after
    frames = windows.append(state.buffer, encoded)

    def step(memory, window):
        return system.apply(variables, memory, window, method="step")

    def query(memory, slot):
        around = windows.cut(frames, slot, before + 1 + after)
        window = Window(
            features=around.features,
            valid=around.exists,
            image_size=image_size,
            scale=scale,
            truth=jax.tree.map(lambda x: x[before], around.truth),
        )
        exists = around.exists[before]
        return jax.lax.cond(exists, step, functools.partial(_skip, step), memory, window)

    slots = jnp.arange(len(encoded.exists))
    memory, outputs = jax.lax.scan(query, state.memory, slots)
    buffer = windows.last(frames, before + after)
    return VideoState(buffer=buffer, memory=memory), outputs


def _skip(step, memory: Any, window: Window) -> tuple[Any, FrameOutput]:
    """What `step` returns where there is no frame: the memory as it was and nothing valid."""
    _, output = jax.eval_shape(step, memory, window)
    return memory, jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), output)
