"""Detections to identities by embeddings that are compared both ways, with a memory of recent ones.

Source: IDOL, section 3.4, with the order of events of its published code.
"""

from __future__ import annotations

import dataclasses

import flax
import jax
import jax.numpy as jnp

from ovis_jax.structures import Detections, FrameOutput
from ovis_jax.tracking.rules import Track, mean_and_majority
from ovis_jax.tracking.short_tracks import ShortTracks
from ovis_jax.tracking.tracker import frame_output


@flax.struct.dataclass
class EmbeddingMemory:
    """The tracks that a detection may continue, in the order in which they were first seen.

    Attributes:
      ids: [M] int32.
      recent: [M, R, E] float32, the last embeddings of each track, the newest last.
      scores: [M, R] float32, of the detections that they are from.
      stored: [M] int32, how many of them there are.
      frames_seen: [M] int32, frames with a detection of the track.
      last_seen: [M] int32, number of the last one.
      count: [] int32, tracks; they stand in the first slots.
      next_id: [] int32, identities so far.
      frame: [] int32, frames so far.
    """

    ids: jax.Array
    recent: jax.Array
    scores: jax.Array
    stored: jax.Array
    frames_seen: jax.Array
    last_seen: jax.Array
    count: jax.Array
    next_id: jax.Array
    frame: jax.Array

    @property
    def embeddings(self) -> jax.Array:
        """[M, E], the newest of each track."""
        return self.recent[:, -1]

    @property
    def occupied(self) -> jax.Array:
        """[M] bool, the slots that hold a track."""
        return jnp.arange(len(self.ids)) < self.count


@dataclasses.dataclass(frozen=True)
class BisoftmaxTracker:
    """Links detections, in order of score, to the tracks that look most like them.

    Similarity is the mean of two softmaxes of the products of embeddings, one over the tracks and
    one over the detections; a track that has been taken has similarity 0. A detection that several
    tracks look like (more than `min_similarity`) prefers those that were seen in many frames. Boxes
    and labels are not compared.

    The softmaxes make some cases special, as published. A frame with one detection gives every
    track at least one half, so that the track with most frames takes it, whatever it looks like; a
    memory with one track gives it to the detection with the best score, unless its similarity
    rounds to one half exactly.

    Attributes:
      min_similarity: of a detection and a track that are linked, which it has to exceed.
      new_score: score that starts a track, likewise.
      first_score: likewise, while the memory is empty.
      length: embeddings that a track remembers.
      max_age: frames since a track was last seen, from which on it is forgotten.
      short_tracks: what is taken back in the end.
    """

    min_similarity: float = 0.5
    new_score: float = 0.2
    first_score: float = 0.2
    length: int = 3
    max_age: int = 10
    short_tracks: ShortTracks = ShortTracks()

    track_rule = staticmethod(mean_and_majority)

    def init_memory(self, capacity: int, embedding_size: int) -> EmbeddingMemory:
        """An empty memory for `capacity` tracks that can still be continued."""
        numbers = jnp.zeros(capacity, jnp.int32)
        zero = jnp.int32(0)
        return EmbeddingMemory(
            ids=numbers,
            recent=jnp.zeros((capacity, self.length, embedding_size)),
            scores=jnp.zeros((capacity, self.length)),
            stored=numbers,
            frames_seen=numbers,
            last_seen=numbers,
            count=zero,
            next_id=zero,
            frame=zero,
        )

    def track_embeddings(self, memory: EmbeddingMemory) -> jax.Array:
        """[M, E], means of what tracks remember; what is new and has a high score counts more.

        The k-th of n embeddings weighs its score plus k / n.
        """
        place = jnp.arange(1, self.length + 1) - self.length + memory.stored[:, None]
        share = place / jnp.maximum(memory.stored, 1)[:, None]
        weights = jnp.where(place > 0, memory.scores + share, 0)
        total = jnp.einsum("mre,mr->me", memory.recent, weights, precision="highest")
        sums = weights.sum(axis=1)
        return total / jnp.where(sums == 0, 1, sums)[:, None]

    def similarities(self, memory: EmbeddingMemory, detections: Detections) -> jax.Array:
        """[D, M] in [0, 1]; 0 for empty slots and for invalid detections."""
        valid = detections.valid[:, None] & memory.occupied
        embeddings = jnp.where(detections.valid[:, None], detections.embeddings, 0)
        dots = jnp.einsum(
            "de,me->dm", embeddings, self.track_embeddings(memory), precision="highest"
        )
        dots = jnp.where(valid, dots, -jnp.inf)
        both = [_softmax(dots, valid, axis) for axis in (0, 1)]
        return jnp.where(valid, (both[0] + both[1]) / 2, 0)

    def link(self, memory: EmbeddingMemory, similarities: jax.Array, valid: jax.Array) -> jax.Array:
        """Slots [D] int32 of the tracks that detections continue; M: of none.

        Args:
          memory: of M tracks.
          similarities: [D, M].
          valid: [D] bool, of the detections, which stand in order of score.
        """
        capacity, valid = len(memory.ids), jnp.asarray(valid)
        seen = memory.frames_seen.astype(jnp.float32)

        def choose(i, state):
            slots, taken = state
            own = jnp.where(taken, 0, similarities[i])
            like = (own > self.min_similarity) & memory.occupied
            several = like.sum() > 1
            mean = jnp.sum(seen, where=like) / jnp.maximum(like.sum(), 1)
            own = jnp.where(several, own * jnp.where(like, seen, mean), own)
            best = jnp.argmax(jnp.where(memory.occupied, own, -1))
            linked = valid[i] & memory.occupied[best] & (own[best] > self.min_similarity)
            slots = slots.at[i].set(jnp.where(linked, best, capacity))
            return slots, taken.at[best].set(taken[best] | linked)

        start = jnp.full(len(valid), capacity, jnp.int32), jnp.zeros(capacity, bool)
        last = jnp.max(jnp.where(valid, jnp.arange(1, len(valid) + 1), 0))
        slots, _ = jax.lax.fori_loop(0, last, choose, start)
        return slots

    def step(
        self, memory: EmbeddingMemory, detections: Detections
    ) -> tuple[EmbeddingMemory, FrameOutput]:
        """Gives the detections of a frame identities; those that have one are the output.

        New tracks for which no slot is free have an identity in this frame only, and count as
        overflow.
        """
        capacity = len(memory.ids)
        valid = detections.valid
        slots = self.link(memory, self.similarities(memory, detections), valid)
        linked = valid & (slots < capacity)
        least = jnp.where(memory.count == 0, self.first_score, self.new_score)
        new = valid & ~linked & (detections.scores > least)
        rank = jnp.cumsum(new) - 1
        slots = jnp.where(new, jnp.minimum(memory.count + rank, capacity), slots)
        ids = jnp.where(new, memory.next_id + rank, memory.ids[jnp.minimum(slots, capacity - 1)])
        lost = jnp.sum(new & (slots == capacity), dtype=jnp.int32)
        memory = self._remember(memory, detections, slots, ids.astype(jnp.int32))
        memory = memory.replace(
            count=jnp.minimum(memory.count + new.sum(dtype=jnp.int32), capacity),
            next_id=memory.next_id + new.sum(dtype=jnp.int32),
        )
        memory = self._forget(memory, valid.any())
        output = frame_output(detections, ids.astype(jnp.int32), linked | new, lost)
        return memory.replace(frame=memory.frame + 1), output

    def finish(self, memory: EmbeddingMemory, tracks: list[Track]) -> list[Track]:
        """The tracks of a video without the short ones; see `ShortTracks`."""
        return self.short_tracks(tracks, int(memory.frame))

    def _remember(self, memory, detections, slots, ids) -> EmbeddingMemory:
        """The memory with detections [D] in their slots [D]; those in slot M leave no trace."""
        old = jnp.minimum(slots, len(memory.ids) - 1)
        known = (slots < memory.count)[:, None]  # a new track has no embeddings yet

        def moved(kept, newest):
            kept = jnp.where(known.reshape(-1, *[1] * (kept.ndim - 1)), kept[old], 0)
            return jnp.concatenate([kept[:, 1:], newest[:, None]], axis=1)

        def put(field, value):
            return field.at[slots].set(value, mode="drop")

        more = jnp.where(known[:, 0], memory.stored[old], 0) + 1
        seen = jnp.where(known[:, 0], memory.frames_seen[old], 0) + 1
        return memory.replace(
            ids=put(memory.ids, ids),
            recent=put(memory.recent, moved(memory.recent, detections.embeddings)),
            scores=put(memory.scores, moved(memory.scores, detections.scores)),
            stored=put(memory.stored, jnp.minimum(more, self.length)),
            frames_seen=put(memory.frames_seen, seen),
            last_seen=put(memory.last_seen, memory.frame),
        )

    def _forget(self, memory: EmbeddingMemory, detected: jax.Array) -> EmbeddingMemory:
        """The memory without old tracks; nothing is forgotten in a frame without detections."""
        old = memory.frame - memory.last_seen >= self.max_age
        kept = memory.occupied & ~(old & detected)
        order = jnp.argsort(~kept, stable=True)
        slots = ("ids", "recent", "scores", "stored", "frames_seen", "last_seen")
        return memory.replace(
            count=kept.sum(dtype=jnp.int32),
            **{name: getattr(memory, name)[order] for name in slots},
        )


def _softmax(logits: jax.Array, valid: jax.Array, axis: int) -> jax.Array:
    """Softmax over the valid numbers of an axis; 0 where there are none."""
    largest = jnp.max(logits, axis=axis, keepdims=True)
    exponentials = jnp.where(valid, jnp.exp(logits - jnp.where(valid, largest, 0)), 0)
    total = exponentials.sum(axis=axis, keepdims=True)
    return exponentials / jnp.where(total == 0, 1, total)
