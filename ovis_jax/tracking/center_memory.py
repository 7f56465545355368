"""What the linker by centres remembers of a video: see `tracking/center.py`."""

from __future__ import annotations

import flax
import jax
import jax.numpy as jnp

NEVER = -(2**30)  # a frame before all others


@flax.struct.dataclass
class ActiveTracks:
    """The tracks of the previous frame, in the order in which it listed them.

    Attributes:
      boxes: [D, 4], pixels of the original frame.
      centers: [D, 2].
      scores: [D].
      ids: [D] int32.
      valid: [D] bool; valid slots come first.
    """

    boxes: jax.Array
    centers: jax.Array
    scores: jax.Array
    ids: jax.Array
    valid: jax.Array


@flax.struct.dataclass
class EmbeddingBank:
    """How every identity of the video looked so far.

    Attributes:
      embeddings: [M, E], running means, not normalised again.
      labels: [M] int32, of the last detection that motion linked.
      ids: [M] int32, 0 in free slots.
      seen: [M] int32, frame of the last detection, from 0.
    """

    embeddings: jax.Array
    labels: jax.Array
    ids: jax.Array
    seen: jax.Array


@flax.struct.dataclass
class CenterMemory:
    """What the linker knows of one video.

    Attributes:
      active: tracks of the previous frame.
      bank: embeddings of all identities.
      frame: [] int32, frames so far.
      count: [] int32, identities so far: the newest one.
    """

    active: ActiveTracks
    bank: EmbeddingBank
    frame: jax.Array
    count: jax.Array


def empty_memory(capacity: int, embedding_size: int, detections: int) -> CenterMemory:
    """The memory before the first frame; see `CenterTracker.init_memory`."""
    return CenterMemory(
        active=ActiveTracks(
            boxes=jnp.zeros((detections, 4)),
            centers=jnp.zeros((detections, 2)),
            scores=jnp.zeros(detections),
            ids=jnp.zeros(detections, jnp.int32),
            valid=jnp.zeros(detections, bool),
        ),
        bank=EmbeddingBank(
            embeddings=jnp.zeros((capacity, embedding_size)),
            labels=jnp.zeros(capacity, jnp.int32),
            ids=jnp.zeros(capacity, jnp.int32),
            seen=jnp.full(capacity, NEVER),
        ),
        frame=jnp.zeros((), jnp.int32),
        count=jnp.zeros((), jnp.int32),
    )
