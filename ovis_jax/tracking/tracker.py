"""What a linker promises, so that any detector can stand before any linker."""

from typing import Any, Protocol

import jax

from ovis_jax.structures import Detections, FrameOutput
from ovis_jax.tracking.rules import Track, TrackRule

Memory = Any  # a pytree of arrays, of the linker's own kind


class Tracker(Protocol):
    """Links the detections of a frame to the objects of a memory; neither knows networks.

    Attributes:
      track_rule: scores and labels of a track's records.
    """

    track_rule: TrackRule

    def init_memory(self, capacity: int, embedding_size: int) -> Memory:
        """The memory before the first frame of a video.

        Args:
          capacity: objects that it can hold.
          embedding_size: of the detections; a linker that reads no appearance ignores it.
        """

    def step(self, memory: Memory, detections: Detections) -> tuple[Memory, FrameOutput]:
        """The memory after a frame, and the frame's detections with identities."""

    def finish(self, memory: Memory, tracks: list[Track]) -> list[Track]:
        """The tracks of a video, on the host, once it is over; most linkers keep all."""


def every_track(memory: Memory, tracks: list[Track]) -> list[Track]:
    """The tracks as they are: the `finish` of linkers that take nothing back."""
    del memory
    return tracks


def frame_output(
    detections: Detections, ids: jax.Array, kept: jax.Array, lost: jax.Array
) -> FrameOutput:
    """The detections of a frame as its output.

    Args:
      detections: D slots.
      ids: [D] int32.
      kept: [D] bool, the detections that hold their identity in this frame.
      lost: [] int32, new objects for which the memory had no room.
    """
    return FrameOutput(
        ids=ids,
        scores=detections.scores,
        labels=detections.labels,
        boxes=detections.boxes,
        mask_logits=detections.mask_logits,
        mask_boxes=detections.mask_boxes,
        valid=kept,
        overflow=detections.overflow + lost,
        class_scores=detections.class_scores,
        source=detections.source,
    )
