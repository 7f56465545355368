"""Tracking frames as they come: bounded memory, however long the video is.

predictor = Predictor.from_checkpoint("runs/quickstart")
for result in predictor.track("video.mp4"):
    print(result.frame, result.ids, result.names, result.scores)
"""

from __future__ import annotations

import collections
import dataclasses
import pathlib
from collections.abc import Iterator, Sequence

import jax
import numpy as np
from ml_collections import ConfigDict

from ovis_jax.data.frame_streams import Frames, frame_stream, peeked
from ovis_jax.data.from_config import resizing
from ovis_jax.data.transforms import FrameGeometry, frame_geometry, transform_image
from ovis_jax.formats import rle
from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.errors import InputError
from ovis_jax.inference.collect import valid_objects
from ovis_jax.inference.stream import ChunkOutput, VideoOutputs, VideoStream
from ovis_jax.models.oracles import oracle_of
from ovis_jax.predict.trained import TrainedModel, load_trained
from ovis_jax.program.start import start
from ovis_jax.tracking.paste import OriginalFrame
from ovis_jax.tracking.rules import Track


@dataclasses.dataclass(frozen=True)
class FrameResult:
    """The D objects of one frame.

    Attributes:
      frame: its number, from 0.
      image: [h, w, 3] uint8 RGB, the frame as it was given.
      ids: [D] int32, which object of the video each is; one that was handed out never changes.
      scores: [D] float32, what the system says of this frame alone: a track's score is known when
        the video is over.
      labels: [D] int32, numbers in `categories`; also of this frame alone.
      boxes: [D, 4] float32, (x1, y1, x2, y2) in pixels of the frame.
      rles: D run-length masks of the frame, `{"size": [h, w], "counts": str}`.
      categories: of the model.
      class_scores: [D, K] float32 of a system whose track rule reads them, or None.
      overflow: objects that a capacity was too small for.
    """

    frame: int
    image: np.ndarray
    ids: np.ndarray
    scores: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    rles: Sequence[dict]
    categories: Sequence[Category]
    class_scores: np.ndarray | None = None
    overflow: int = 0

    def __len__(self) -> int:
        """Number of objects."""
        return len(self.ids)

    @property
    def names(self) -> list[str]:
        """Name of the category of each object."""
        return [self.categories[label].name for label in self.labels]

    def masks(self) -> np.ndarray:
        """[D, h, w] bool, made anew by every call."""
        empty = np.zeros((0, *self.image.shape[:2]), bool)
        return np.array([rle.decode(own) for own in self.rles], bool) if self.rles else empty


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

        Raises:
          InputError: the system has an oracle, which needs annotations.
        """
        if oracle_of(model.system):
            raise InputError(f"the oracle {oracle_of(model.system)!r} needs annotated videos")
        if causal and model.system.window_after:
            system = model.system.clone(window_after=0)
            model = dataclasses.replace(model, system=system)
        self.model = model
        self.chunk = model.config.predict.chunk if chunk is None else chunk
        self.delay = model.system.window_after + self.chunk * (1 + ahead) - 1
        self._ahead = ahead
        self._stream = VideoStream(
            model.system,
            model.variables,
            chunk=self.chunk,
            tracks=model.config.capacity.tracks,
        )

    @classmethod
    def from_checkpoint(
        cls,
        checkpoint: pathlib.Path | str,
        config: ConfigDict | str | None = None,
        *,
        causal: bool = False,
        chunk: int | None = None,
        ahead: int = 0,
    ) -> Predictor:
        """Reads a model and makes its predictor.

        Sets the precision of products that the configuration names, for all of JAX, and lets JAX
        keep compiled programs (`ovis_jax.program.start`).

        Args:
          checkpoint: work directory, folder of checkpoints or of one, or packed model.
          config: whole configuration, or the name of one; None: that of the checkpoint.
          causal: see `Predictor`; likewise `chunk` and `ahead`.
          chunk: see `causal`.
          ahead: see `causal`.

        Raises:
          InputError: there is no such checkpoint, or it is of another model.
        """
        model = load_trained(checkpoint, config)
        start(model.config.matmul_precision)
        return cls(model, causal=causal, chunk=chunk, ahead=ahead)

    def track(self, frames: Frames) -> TrackedFrames:
        """Results of the frames of one video, in their order, each as soon as it is known.

        Every call is a new video, with ids of its own. Frames are read when they are needed; of
        those that were read, `delay` + 1 at most are in memory, and no result is kept.

        Args:
          frames: a video file, a folder of frames, an image, the number of a camera, or an iterable
            of [h, w, 3] uint8 RGB, all of one size.

        Raises:
          InputError: there is nothing that can be read; or, while results are taken, a frame cannot
            be used.
        """
        return TrackedFrames(self.model, self._stream, frame_stream(frames), self._ahead)


class TrackedFrames:
    """An iterator over the results of one video; they can be taken once.

    Attributes:
      length: frames whose results were taken.
    """

    def __init__(
        self,
        model: TrainedModel,
        stream: VideoStream,
        frames: Iterator[np.ndarray],
        ahead: int = 0,
    ):
        """Results of `frames`, which `stream` tracks; the first is read at once."""
        self.length, self._ahead = 0, ahead
        self._model, self._outputs = model, None
        self._images: collections.deque[np.ndarray] = collections.deque()
        first, frames = peeked(frames)
        self._results: Iterator[FrameResult] = iter(())
        if first is not None:
            height, width = first.shape[:2]
            geometry = frame_geometry(width, height, resizing(model.config.data))
            original = OriginalFrame(height, width, geometry.scale)
            prepared = self._prepared(frames, geometry)
            self._outputs = stream(prepared, geometry.image_size, geometry.scale)
            self._results = self._taken(self._outputs, original)

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

    def _taken(self, chunks: VideoOutputs, original: OriginalFrame) -> Iterator[FrameResult]:
        running: collections.deque[ChunkOutput] = collections.deque()
        for chunk in chunks:
            running.append(chunk)
            if len(running) > self._ahead:
                yield from self._results_of(running.popleft(), original)
        for chunk in running:
            yield from self._results_of(chunk, original)

    def _results_of(self, chunk: ChunkOutput, original: OriginalFrame) -> Iterator[FrameResult]:
        frames = jax.device_get(chunk.frames)
        for slot in range(max(0, -chunk.first_frame), chunk.stop_frame - chunk.first_frame):
            number = chunk.first_frame + slot
            objects = valid_objects(frames, slot)
            own = dataclasses.replace(original, number=number)
            masks = self._model.system.mask_rule(objects, own) if len(objects.ids) else []
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
