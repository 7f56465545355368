"""What is known of the clips of a video that share frames with the one at hand."""

from __future__ import annotations

import flax
import jax
import jax.numpy as jnp

from ovis_jax.models.heads.cluster_embedding import SPACE, PixelEmbeddings
from ovis_jax.models.heads.semantic import SemanticLogits
from ovis_jax.ops.clip_schedule import NEVER, ClipSchedule
from ovis_jax.tracking.stitch import ClipIdentities, no_identities


@flax.struct.dataclass
class DecodedClips:
    """Outputs of the last clips, the newest in the last place.

    Attributes:
      starts: [P] int32, first frame of each; NEVER where there is none.
      pixels: [P, T, h, w, ...], embeddings.
      logits: [P, T, h, w, ...], classes and foreground; 0 where there is no clip.
    """

    starts: jax.Array
    pixels: PixelEmbeddings
    logits: SemanticLogits

    @property
    def newest(self) -> jax.Array:
        """[] int32, first frame of the newest."""
        return self.starts[-1]

    def append(
        self, start: jax.Array, pixels: PixelEmbeddings, logits: SemanticLogits
    ) -> DecodedClips:
        """With another clip, [T, h, w, ...], and without the oldest."""
        own = DecodedClips(start, pixels, logits)
        return jax.tree.map(lambda x, new: jnp.concatenate([x[1:], new[None]]), self, own)

    def pixels_of(self, start: jax.Array) -> PixelEmbeddings:
        """Those of the clip that starts at a frame, [T, h, w, ...]."""
        place = jnp.argmax(self.starts == start)
        return jax.tree.map(lambda x: x[place], self.pixels)

    def shares(self, schedule: ClipSchedule, frames: jax.Array) -> jax.Array:
        """Of the positions of clips in the means of frames [F]: [F, P, T] float32.

        A frame that several positions show, of several clips or of one, is the mean of them.
        """
        shown = schedule.frames(self.starts)  # [P, T]
        shown = jnp.where(self.starts[:, None] == NEVER, NEVER, shown)
        there = shown == frames[:, None, None]
        return there / jnp.maximum(there.sum(axis=(1, 2), keepdims=True), 1)


@flax.struct.dataclass
class ClipMemory:
    """What the frames of a video leave behind.

    Attributes:
      frame: [] int32, number of the next query frame.
      start: [] int32, of the last clip whose pixels have identities; NEVER before the first one.
      known: identities in its frames.
      decoded: outputs of clips.
    """

    frame: jax.Array
    start: jax.Array
    known: ClipIdentities
    decoded: DecodedClips


def empty_memory(
    schedule: ClipSchedule,
    size: tuple[int, int],
    *,
    enlarged: int,
    num_clusters: int,
    num_classes: int,
    embedding_size: int,
) -> ClipMemory:
    """Before the first frame of a video.

    Args:
      schedule: of its clips.
      size: (h, w) of the maps.
      enlarged: cells of the map of clusters for each of theirs, along each axis.
      num_clusters: of a clip.
      num_classes: without background.
      embedding_size: E.
    """
    grid = (schedule.sharing, schedule.num_frames, *size)
    return ClipMemory(
        frame=jnp.int32(0),
        start=jnp.int32(NEVER),
        known=no_identities(
            schedule.num_frames, (enlarged * size[0], enlarged * size[1]), num_clusters
        ),
        decoded=DecodedClips(
            starts=jnp.full(schedule.sharing, NEVER, jnp.int32),
            pixels=PixelEmbeddings(
                embeddings=jnp.zeros((*grid, embedding_size)),
                variances=jnp.zeros((*grid, SPACE)),
                seediness=jnp.zeros(grid),
            ),
            logits=SemanticLogits(jnp.zeros((*grid, num_classes + 1)), jnp.zeros(grid)),
        ),
    )
