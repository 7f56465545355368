"""What the systems share that calibrate a query's pyramid with those of the frames around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.references import window_references
from ovis_jax.ops.normalise import normalise_frames
from ovis_jax.structures import Clips, FrameOutput, TrackMemory, Window
from ovis_jax.tracking.cues import CueTracker

Pyramid = tuple[jax.Array, ...]


class CalibratedSystem(nn.Module, kw_only=True):
    """An online system: encodes frames, calibrates, detects, and links to a track memory.

    A subclass has `detect(window) -> Detections` of the query frame, `losses`, and a head `track`
    with the number of `channels` of the embeddings.
    Source: paper, section 4.

    Attributes:
      backbone: frames to C2...C5.
      neck: C2...C5 to a pyramid.
      calibration: (query pyramid, reference pyramid) to calibrated pyramid, or None.
      tracker: links detections to the track memory.
      pixel_mean: of the frames' channels (RGB), which is subtracted from them.
      pixel_std: what they are divided by then.
      reference_window: frames on either side of the query whose outputs are averaged at inference.
      CLIP_FRAMES: frames of a clip that `losses` reads, query and reference.
      MASK_FRAMES: those of which it reads masks.
      CALIBRATED_LEVELS: how many levels of the pyramid are calibrated, from the finest.
    """

    backbone: nn.Module
    neck: nn.Module
    calibration: nn.Module | None
    tracker: CueTracker
    pixel_mean: tuple[float, float, float]
    pixel_std: tuple[float, float, float]
    reference_window: int = 0

    CLIP_FRAMES: ClassVar[int] = 2
    MASK_FRAMES: ClassVar[int] = 1
    CALIBRATED_LEVELS: ClassVar[int]

    @property
    def window_before(self) -> int:
        """Frames before the query that `step` reads."""
        return self.reference_window

    @property
    def window_after(self) -> int:
        """Frames after the query that `step` reads."""
        return self.reference_window

    def normalise(self, frames: jax.Array, image_size: jax.Array) -> jax.Array:
        """Frames as the backbone reads them; see `normalise_frames`."""
        return normalise_frames(frames, image_size, self.pixel_mean, self.pixel_std)

    def encode(self, frames: jax.Array, image_size: jax.Array) -> Pyramid:
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
        levels = self.encode(frames, jnp.tile(batch.image_size, (2, 1)))
        return tuple(x[:pairs] for x in levels), tuple(x[pairs:] for x in levels)

    def calibrate(self, query: Sequence[jax.Array], reference: Sequence[jax.Array]) -> Pyramid:
        """The calibrated levels [B, h, w, C]; without calibration these are the query's."""
        levels = self.CALIBRATED_LEVELS
        query, reference = tuple(query[:levels]), tuple(reference[:levels])
        return query if self.calibration is None else self.calibration(query, reference)

    def calibrate_window(self, query: Pyramid, window: Window) -> tuple[Pyramid, jax.Array]:
        """Calibrated levels [F, h, w, C] and weights [F] over the F references of a window.

        References that do not exist weigh nothing. A frame without any (a one-frame video, or
        `reference_window` 0) is its own.
        """
        if self.calibration is None:
            return self.calibrate(query, query), jnp.ones(1)
        reference, weights = window_references(window, self.reference_window)
        queries = [jnp.broadcast_to(x, (len(weights), *x.shape[1:])) for x in query]
        return self.calibrate(queries, reference), weights

    def init_memory(self, capacity: int) -> TrackMemory:
        """Empty memory for `capacity` objects of one video."""
        return self.tracker.init_memory(capacity, self.track.channels)

    def step(self, memory: TrackMemory, window: Window) -> tuple[TrackMemory, FrameOutput]:
        """Detects the objects of a window's query frame and gives them identities."""
        return self.tracker.step(memory, self.detect(window), window.is_first)
