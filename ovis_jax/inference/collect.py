"""Outputs of the device to tracks of results.json, on a thread of its own."""

import collections
import concurrent.futures
import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from ovis_jax.inference.stream import ChunkOutput
from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.paste import MaskRule, OriginalFrame, paste_objects
from ovis_jax.tracking.rules import Track
from ovis_jax.tracking.tracklets import Tracklets

_MAX_WAITING = 2  # chunks on the device or waiting for the thread; more would only fill memory


class VideoTracks:
    """Collects the tracks of one video.

    Attributes:
      tracklets: the tracks so far.
      length: frames so far.
      overflow: objects lost to a capacity so far.
    """

    def __init__(
        self,
        width: int,
        height: int,
        scale: float | tuple[float, float],
        mask_rule: MaskRule = paste_objects,
    ):
        """Starts without tracks.

        Args:
          width: width of the original frames.
          height: height of the original frames.
          scale: resized pixels per original pixel in x and in y, or one number for both.
          mask_rule: of the system, makes the masks of a frame.
        """
        self.tracklets = Tracklets()
        self.length = 0
        self.overflow = 0
        self._original = OriginalFrame(height, width, scale)
        self._mask_rule = mask_rule

    def add(self, chunk: ChunkOutput) -> None:
        """Waits for a chunk and adds its objects; chunks come in the order of the video."""
        frames: FrameOutput = jax.device_get(chunk.frames)
        self.length = chunk.stop_frame
        self.overflow += int(frames.overflow.sum())
        for slot, valid in enumerate(frames.valid):
            if valid.any():
                self._add_frame(chunk.first_frame + slot, valid_objects(frames, slot))

    def finish(self, finish: Callable[[Any, list[Track]], list[Track]], memory: Any) -> None:
        """Lets a system finish the tracks, from the memory that the video left behind."""
        memory = jax.device_get(memory)
        self.tracklets.finish(lambda tracks: finish(memory, tracks))

    def _add_frame(self, frame: int, objects: FrameOutput) -> None:
        masks = self._mask_rule(objects, dataclasses.replace(self._original, number=frame))
        self.tracklets.add(
            frame, objects.ids, objects.scores, objects.labels, masks, objects.class_scores
        )


def valid_objects(frames: FrameOutput, slot: int) -> FrameOutput:
    """The objects [D, ...] of the frame in a slot, without padding."""
    kept = np.flatnonzero(frames.valid[slot])
    # Only the overflow has no axis of objects.
    return jax.tree.map(lambda x: x[slot][kept] if x.ndim > 1 else x[slot], frames)


class HostThread:
    """Runs host work in order on one thread while the caller feeds the device.

    `submit` blocks once a few calls wait, and raises what an earlier call raised.
    """

    def __init__(self):
        """Starts the thread."""
        self._pool = concurrent.futures.ThreadPoolExecutor(1)
        self._waiting: collections.deque[concurrent.futures.Future] = collections.deque()

    def submit(self, function: Callable[..., None], *arguments) -> None:
        """Runs `function(*arguments)` after everything submitted before."""
        self._waiting.append(self._pool.submit(function, *arguments))
        self._wait(_MAX_WAITING)

    def __enter__(self):
        """The thread itself."""
        return self

    def __exit__(self, error_type, error, traceback) -> None:
        """Waits for the work, or drops it if the caller fails."""
        try:
            if error_type is None:
                self._wait(0)
        finally:
            self._pool.shutdown(cancel_futures=True)

    def _wait(self, left: int) -> None:
        while len(self._waiting) > left:
            self._waiting.popleft().result()
