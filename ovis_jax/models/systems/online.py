"""What the systems share that detect in single frames and link to a track memory."""

from __future__ import annotations

from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.oracles import IMAGE, annotated_detections
from ovis_jax.ops.normalise import normalise_frames
from ovis_jax.structures import Clips, Features, FrameOutput, Window
from ovis_jax.tracking.paste import MaskRule, paste_objects
from ovis_jax.tracking.rules import Track, TrackRule
from ovis_jax.tracking.tracker import Memory, Tracker

Pyramid = tuple[jax.Array, ...]


class OnlineSystem(nn.Module, kw_only=True):
    """An online system: encodes frames, detects, and links to a track memory.

    A subclass has `detect(window) -> Detections` of the query frame, `losses`, and a head `track`
    with the number of `channels` of the embeddings, or an `embedding_size` of its own. One that
    names an oracle in `ORACLES` does what that oracle asks of it (`models/oracles.py`).

    Attributes:
      backbone: frames to C2...C5.
      neck: C2...C5 to a pyramid.
      tracker: links detections to the track memory.
      pixel_mean: of the frames' channels (RGB), which is subtracted from them.
      pixel_std: what they are divided by then.
      window_before: frames before the query that `step` reads.
      window_after: frames after it.
      oracle: which part of the annotations `step` reads in place of its own work, one of `ORACLES`;
        "": none.
      CLIP_FRAMES: frames of a clip that `losses` reads, query and reference.
      MASK_FRAMES: those of which it reads masks.
      ORACLES: those that the system has the parts for.
    """

    backbone: nn.Module
    neck: nn.Module
    tracker: Tracker
    pixel_mean: tuple[float, float, float]
    pixel_std: tuple[float, float, float]
    window_before: int = 0
    window_after: int = 0
    oracle: str = ""

    CLIP_FRAMES: ClassVar[int] = 2
    MASK_FRAMES: ClassVar[int] = 1
    ORACLES: ClassVar[tuple[str, ...]] = ()

    @property
    def mask_rule(self) -> MaskRule:
        """Mask logits of a frame to run lengths: grids over boxes."""
        return paste_objects

    @property
    def track_rule(self) -> TrackRule:
        """Scores and labels of a track's records: what the tracker says."""
        return self.tracker.track_rule

    def normalise(self, frames: jax.Array, image_size: jax.Array) -> jax.Array:
        """Frames as the backbone reads them; see `normalise_frames`."""
        return normalise_frames(frames, image_size, self.pixel_mean, self.pixel_std)

    def encode(self, frames: jax.Array, image_size: jax.Array) -> Features:
        """What `step` reads of frames: the levels of the pyramid, each [B, h, w, C].

        Args:
          frames: as those of `pyramid`.
          image_size: likewise.
        """
        return self.pyramid(frames, image_size)

    def pyramid(self, frames: jax.Array, image_size: jax.Array) -> Pyramid:
        """Maps frames to the levels of the pyramid, each [B, h, w, C].

        Args:
          frames: [B, H, W, 3] uint8 RGB, on the padded canvas.
          image_size: [B, 2], (height, width) of the frames without padding.
        """
        return self.neck(self.backbone(self.normalise(frames, image_size)))

    def encode_pairs(self, batch: Clips) -> tuple[Pyramid, Pyramid]:
        """Pyramids of the first and the second frame of each clip, each level [B, h, w, C]."""
        pairs = len(batch.frames)
        frames = jnp.concatenate([batch.frames[:, 0], batch.frames[:, 1]])
        levels = self.pyramid(frames, jnp.tile(batch.image_size, (2, 1)))
        return tuple(x[:pairs] for x in levels), tuple(x[pairs:] for x in levels)

    @property
    def embedding_size(self) -> int:
        """Numbers of an embedding of `detect`."""
        return self.track.channels

    def init_memory(self, capacity: int, features: Features) -> Memory:
        """Empty memory for `capacity` objects of one video, whatever the features are."""
        del features
        return self.tracker.init_memory(capacity, self.embedding_size)

    def step(self, memory: Memory, window: Window) -> tuple[Memory, FrameOutput]:
        """Detects the objects of a window's query frame and gives them identities."""
        if self.oracle == IMAGE:
            boxes = jnp.where(window.truth.valid[:, None], window.truth.boxes, 0)
            embeddings = self.embed_boxes(window, boxes)
            detections = annotated_detections(window.truth, embeddings, window.scale)
        else:
            detections = self.detect(window)
        return self.tracker.step(memory, detections)

    @nn.nowrap
    def finish(self, memory: Memory, tracks: list[Track]) -> list[Track]:
        """The tracks of a video, on the host, once it is over: those that the tracker keeps."""
        return self.tracker.finish(memory, tracks)
