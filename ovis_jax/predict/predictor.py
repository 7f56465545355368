"""Tracking frames as they come: bounded memory, however long the video is.

predictor = Predictor.from_checkpoint("runs/quickstart")
for result in predictor.track("video.mp4"):
    print(result.frame, result.ids, result.names, result.scores)
"""

from __future__ import annotations

import collections
import dataclasses
import itertools
import pathlib
import time
from collections.abc import Iterator, Sequence

import jax
import numpy as np
from ml_collections import ConfigDict

from ovis_jax.data.frame_streams import Frames, frame_stream, peeked
from ovis_jax.data.from_config import resizing
from ovis_jax.data.transforms import FrameGeometry, frame_geometry, transform_image
from ovis_jax.formats.errors import InputError
from ovis_jax.inference.collect import valid_objects
from ovis_jax.inference.snapshot import Snapshot, take_snapshot
from ovis_jax.inference.stream import ChunkOutput, VideoOutputs, VideoStream
from ovis_jax.models.oracles import oracle_of
from ovis_jax.predict.frame_result import FrameResult
from ovis_jax.predict.trained import TrainedModel, as_causal, load_trained
from ovis_jax.program.start import start
from ovis_jax.tracking.paste import OriginalFrame
from ovis_jax.tracking.rules import Track


class Predictor:
    """Tracks the objects of videos, frame by frame.

    Attributes:
      model: the trained model; causal, if that was asked for.
      chunk: frames that are encoded together.
      delay: how many frames after a frame must have come, at most, before its result does: those
        that the system looks at, and what is missing to a whole chunk. At the end of a video the
        last results come at once.
    """

    def __init__(
        self,
        model: TrainedModel,
        *,
        causal: bool = False,
        chunk: int | None = None,
        ahead: int = 0,
        devices: Sequence[jax.Device] = (),
    ):
        """Makes a predictor, which compiles at the first frames of a size.

        Args:
          model: trained model.
          causal: the system sees no frame after the query, whatever it was trained with; those
            before it stay. It makes no difference to systems that look at none.
          chunk: frames that are encoded together; fewer are sooner known, more are faster. None: as
            the configuration says. Results do not depend on it.
          ahead: chunks that the device works on while masks of earlier ones are made, so that
            neither waits for the other; results come so many chunks later.
          devices: of this process, over which the frames of a chunk are spread to be encoded; the
            first does all else. The chunk must be a multiple of their number, and is the next
            larger one where it is None. Empty: JAX's default device alone.

        Raises:
          InputError: the system has an oracle, which needs annotations, or cannot be causal; or the
            chunk has no frame, or not as many for each device.
        """
        if oracle_of(model.system):
            raise InputError(f"the oracle {oracle_of(model.system)!r} needs annotated videos")
        self.model = as_causal(model) if causal else model
        model = self.model
        self.chunk = _chunk_of(model.config.predict.chunk, chunk, max(1, len(devices)))
        self.delay = model.system.window_after + self.chunk * (1 + ahead) - 1
        self._ahead = ahead
        stream = VideoStream(
            model.system,
            model.variables,
            chunk=self.chunk,
            tracks=model.config.capacity.tracks,
        )
        self._stream = stream.over(devices) if devices else stream

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: pathlib.Path | str,
        config: ConfigDict | str | None = None,
        *,
        causal: bool = False,
        chunk: int | None = None,
        ahead: int = 0,
        devices: Sequence[jax.Device] = (),
    ) -> Predictor:
        """Reads a model and makes its predictor.

        Sets the precision of products that the configuration names, for all of JAX, and lets JAX
        keep compiled programs (`ovis_jax.program.start`).

        Args:
          checkpoint: work directory, folder of checkpoints or of one, or packed model.
          config: whole configuration, or the name of one; None: that of the checkpoint.
          causal: see `Predictor`; likewise `chunk`, `ahead` and `devices`.
          chunk: see `causal`.
          ahead: see `causal`.
          devices: see `causal`.

        Raises:
          InputError: there is no such checkpoint, or it is of another model.
        """
        model = load_trained(checkpoint, config)
        start(model.config.matmul_precision)
        return cls(model, causal=causal, chunk=chunk, ahead=ahead, devices=devices)

    def track(
        self,
        frames: Frames,
        *,
        snapshot_seconds: float | None = None,
        resumed: Snapshot | None = None,
    ) -> TrackedFrames:
        """Results of the frames of one video, in their order, each as soon as it is known.

        Every call is a new video, with ids of its own. Frames are read when they are needed; of
        those that were read, `delay` + 1 at most are in memory, and no result is kept.

        Args:
          frames: a video file, a folder of frames, an image, the number of a camera, or an iterable
            of [h, w, 3] uint8 RGB, all of one size.
          snapshot_seconds: how often `TrackedFrames.snapshot` is renewed; None: never.
          resumed: a snapshot of the same video by a predictor like this one: results go on behind
            those that had been taken when it was made.

        Raises:
          InputError: there is nothing that can be read; or, while results are taken, a frame cannot
            be used.
        """
        tracked = TrackedFrames(self.model, self._stream, self._ahead)
        tracked.begin(frame_stream(frames), snapshot_seconds, resumed)
        return tracked


def _chunk_of(configured: int, chunk: int | None, devices: int) -> int:
    """Frames that are encoded together, as many by each device."""
    own = configured if chunk is None else chunk
    if own < 1:
        raise InputError(f"config.predict.chunk: {own}, expected at least 1")
    if chunk is None:
        return own + -own % devices
    if chunk % devices:
        raise InputError(f"chunk: {chunk}, expected a multiple of the {devices} devices")
    return chunk


class TrackedFrames:
    """An iterator over the results of one video; they can be taken once.

    Attributes:
      length: frames whose results were taken, or had been taken by the snapshot that it goes on
        from.
      snapshot: from which another call can go on behind the results that were taken by the time at
        which it was renewed; None before.
    """

    def __init__(self, model: TrainedModel, stream: VideoStream, ahead: int = 0):
        """Of a video that `stream` tracks."""
        self.length, self.snapshot = 0, None
        self._model, self._stream, self._ahead = model, stream, ahead
        self._outputs: VideoOutputs | None = None
        self._images: collections.deque[np.ndarray] = collections.deque()
        self._results: Iterator[FrameResult] = iter(())

    def begin(
        self,
        frames: Iterator[np.ndarray],
        snapshot_seconds: float | None,
        resumed: Snapshot | None,
    ) -> None:
        """Reads the first frame; arguments as those of `Predictor.track`."""
        first, frames = peeked(frames)
        if first is None:
            return
        height, width = first.shape[:2]
        geometry = frame_geometry(width, height, resizing(self._model.config.data))
        if resumed is not None:
            self.length = resumed.num_frames - self._model.system.window_after
            frames = self._passed_over(frames, resumed.num_frames)
        prepared = self._prepared(frames, geometry)
        self._outputs = self._stream(prepared, geometry.image_size, geometry.scale, resumed=resumed)
        clock = Clock(snapshot_seconds)
        canvas = (geometry.canvas_height, geometry.canvas_width)
        original = OriginalFrame(height, width, geometry.scale)
        self._results = self._taken(original, canvas, clock)

    def __iter__(self) -> TrackedFrames:
        """Itself."""
        return self

    def __next__(self) -> FrameResult:
        """The next frame's."""
        result = next(self._results)
        self.length += 1
        return result

    def finish(self, tracks: Sequence[Track]) -> list[Track]:
        """What the system makes of the tracks of a whole video, whose results were all taken."""
        memory = None if self._outputs is None else jax.device_get(self._outputs.memory)
        return [*tracks] if memory is None else self._model.system.finish(memory, [*tracks])

    def _prepared(
        self, frames: Iterator[np.ndarray], geometry: FrameGeometry
    ) -> Iterator[np.ndarray]:
        """The frames on their canvas; they themselves wait for their results."""
        for frame in frames:
            self._images.append(frame)
            yield transform_image(frame, geometry, flip=False)

    def _passed_over(self, frames: Iterator[np.ndarray], count: int) -> Iterator[np.ndarray]:
        """The frames behind the first `count`, the last of which still wait for their results."""
        for number, frame in enumerate(itertools.islice(frames, count)):
            if number >= self.length:
                self._images.append(frame)
        return frames

    def _taken(
        self, original: OriginalFrame, canvas: tuple[int, int], clock: Clock
    ) -> Iterator[FrameResult]:
        running: collections.deque[tuple[ChunkOutput, Snapshot | None]] = collections.deque()
        for chunk in self._outputs:
            renew = self._is_between_chunks(chunk) and clock.is_over()
            running.append((chunk, _snapshot(chunk, canvas) if renew else None))
            if len(running) > self._ahead:
                yield from self._results_of(*running.popleft(), original)
        for chunk, snapshot in running:
            yield from self._results_of(chunk, snapshot, original)

    def _is_between_chunks(self, chunk: ChunkOutput) -> bool:
        """Whether the frames so far fill chunks, and the video was not over before this one."""
        ended = chunk.stop_frame > chunk.num_frames - self._model.system.window_after
        return chunk.num_frames % self._stream.chunk == 0 and chunk.stop_frame > 0 and not ended

    def _results_of(
        self, chunk: ChunkOutput, snapshot: Snapshot | None, original: OriginalFrame
    ) -> Iterator[FrameResult]:
        frames = jax.device_get(chunk.frames)
        stop = chunk.stop_frame - chunk.first_frame
        for slot in range(max(0, -chunk.first_frame), stop):
            number = chunk.first_frame + slot
            objects = valid_objects(frames, slot)
            own = dataclasses.replace(original, number=number)
            masks = self._model.system.mask_rule(objects, own) if len(objects.ids) else []
            if slot == stop - 1 and snapshot is not None:
                self.snapshot = snapshot  # whoever takes this result has taken all before it
            yield FrameResult(
                frame=number,
                image=self._images.popleft(),
                ids=objects.ids,
                scores=objects.scores,
                labels=objects.labels,
                boxes=objects.boxes,
                rles=masks,
                categories=self._model.categories,
                class_scores=objects.class_scores,
                overflow=int(objects.overflow),
            )


def _snapshot(chunk: ChunkOutput, canvas: tuple[int, int]) -> Snapshot:
    return take_snapshot(chunk.state, chunk.num_frames, canvas)


class Clock:
    """Says now and then that a time is over."""

    def __init__(self, seconds: float | None):
        """Begins now; None: the time is never over."""
        self._seconds, self._began = seconds, time.monotonic()

    def is_over(self) -> bool:
        """Whether it is, in which case it begins anew."""
        if self._seconds is None or time.monotonic() - self._began < self._seconds:
            return False
        self._began = time.monotonic()
        return True
