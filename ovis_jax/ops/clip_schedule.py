"""Which clips a video is cut into: of one length, overlapping, the last one aligned with its end.

Source: STEm-Seg's inference. Position i of a clip that starts at s shows frame max(0, s + i): a
video that is shorter than a clip has one, which starts before it and repeats its first frame.
"""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp

NEVER = -(10**6)  # start of a clip that does not exist; far before every frame


@dataclasses.dataclass(frozen=True)
class ClipSchedule:
    """How long clips are.

    Attributes:
      num_frames: T, of a clip.
      overlap: frames that a clip shares with the one before; the last one may share more.
    """

    num_frames: int = 8
    overlap: int = 4

    def __post_init__(self):
        """Checks the sizes."""
        if not 0 < self.overlap < self.num_frames:
            raise ValueError(
                f"overlap is {self.overlap}; expected 1 to {self.num_frames - 1} of the "
                f"{self.num_frames} frames of a clip"
            )

    @property
    def before(self) -> int:
        """Frames before the first one that a clip is the first to cover, at most."""
        return self.num_frames - 1

    @property
    def after(self) -> int:
        """Frames after it that tell which clips share frames with that clip, and show them."""
        return 2 * self.num_frames - 1

    @property
    def sharing(self) -> int:
        """Clips that share frames with a clip, and itself, at most."""
        stride = self.num_frames - self.overlap
        return 2 * ((self.num_frames - 1) // stride) + 2

    def next_start(self, start: jax.Array, length: jax.Array) -> jax.Array:
        """Where the clip after another one starts.

        Args:
          start: [] int32 of a clip, or NEVER before the first one.
          length: [] int32 of the video, or more than `start` plus twice a clip.

        Returns:
          [] int32; NEVER if the clip is the last one.
        """
        last = length - self.num_frames
        follows = jnp.minimum(start + self.num_frames - self.overlap, last)
        first = jnp.minimum(0, last)
        found = jnp.where(start == NEVER, first, follows)
        return jnp.where((start != NEVER) & (start >= last), NEVER, found)

    def frames(self, start: jax.Array) -> jax.Array:
        """Frames [..., T] of the positions of clips that start at [...]."""
        return jnp.maximum(0, start[..., None] + jnp.arange(self.num_frames))

    def newest(self, start: jax.Array) -> jax.Array:
        """[T] bool: positions of a clip that are the last ones to show their frame."""
        frames = self.frames(start)
        return jnp.append(frames[1:] != frames[:-1], True)
