"""Detections to identities in two rounds: by where their centres were, then by how they look.

Source: TraDeS, section 4.3, with the order of events of its code.
"""

from __future__ import annotations

import dataclasses

import flax
import jax
import jax.numpy as jnp

from ovis_jax.ops.boxes import EXCLUSIVE, INCLUSIVE
from ovis_jax.structures import Detections, FrameOutput
from ovis_jax.tracking.center_memory import (
    ActiveTracks,
    CenterMemory,
    EmbeddingBank,
    empty_memory,
)
from ovis_jax.tracking.rules import mean_and_majority
from ovis_jax.tracking.tracker import every_track, frame_output

_SHORTEST = 1e-12  # an embedding that is shorter has the cosine 0 with all


@flax.struct.dataclass
class CenterDetections:
    """Detections of a frame in order of score, and where their centres were in the frame before.

    Attributes:
      objects: Detections [D, ...].
      centers: [D, 2] as (x, y), pixels of the original frame.
      offsets: [D, 2], from there to the centre in the previous frame.
    """

    objects: Detections
    centers: jax.Array
    offsets: jax.Array


@dataclasses.dataclass(frozen=True)
class CenterTracker:
    """Links detections to the tracks of the previous frame, and what is left to a bank of the past.

    Round 1, in order of score: each detection takes the nearest track that no other has taken, if
    the squared distance of the centres, after its offset, is not above the area of either box and
    the boxes overlap. Labels are not compared. Round 2, in order of score: it takes the identity of
    its label that looks most like it, among those that are not in this frame and are not the newest
    one; if that one does not look like it, or was last seen too long ago, it is a new one.

    Where the bank is full, the identity that has not been seen for longest is forgotten; it counts
    as overflow if it could have been found again. (The published bank has no end.)

    Attributes:
      min_iou: of the boxes of a detection and a track that are linked.
      min_cosine: of embeddings that are linked.
      max_age: frames since an identity was last seen, below which it may be found again.
      update: share of the newest embedding in a running mean.
    """

    min_iou: float = 0.05
    min_cosine: float = 0.3
    max_age: int = 20
    update: float = 0.1

    track_rule = staticmethod(mean_and_majority)
    finish = staticmethod(every_track)

    def init_memory(self, capacity: int, embedding_size: int, detections: int) -> CenterMemory:
        """An empty memory.

        Args:
          capacity: M, identities of the bank.
          embedding_size: E.
          detections: D, of a frame.

        Raises:
          ValueError: the bank has no room for the detections of one frame.
        """
        if capacity < detections:
            raise ValueError(
                f"a bank of {capacity} identities; expected room for the {detections} detections "
                "of a frame (config.capacity.tracks, config.capacity.detections)"
            )
        return empty_memory(capacity, embedding_size, detections)

    def step(
        self, memory: CenterMemory, detections: CenterDetections
    ) -> tuple[CenterMemory, FrameOutput]:
        """Gives every detection of a frame an identity.

        Returns:
          The new memory; the detections, those that motion has linked first, then the others, both
          in order of score.
        """
        objects = cleaned(detections)
        linked = self.link_by_motion(memory.active, objects)
        bank = self._linked_again(memory, objects.objects, linked)
        bank, ids, count, lost = self._link_by_appearance(bank, memory, objects.objects, linked)
        valid = objects.objects.valid
        order = jnp.argsort(jnp.where(valid, linked == 0, 2), stable=True)
        active = ActiveTracks(
            boxes=objects.objects.boxes,
            centers=objects.centers,
            scores=objects.objects.scores,
            ids=ids,
            valid=valid,
        )
        output = frame_output(objects.objects, ids, valid, lost)
        output, active = jax.tree.map(lambda x: x[order] if x.ndim else x, (output, active))
        return CenterMemory(active, bank, memory.frame + 1, count), output

    def link_by_motion(self, active: ActiveTracks, detections: CenterDetections) -> jax.Array:
        """Round 1: the identity [D] int32 of each detection, 0 for none."""
        distances, allowed = self.motion_costs(active, detections)

        def link(taken, own):
            distance, may = own
            best = jnp.argmin(jnp.where(may & ~taken, distance, jnp.inf))
            linked = jnp.any(may & ~taken)
            return taken.at[best].max(linked), jnp.where(linked, active.ids[best], 0)

        free = jnp.zeros_like(active.valid)
        return jax.lax.scan(link, free, (distances, allowed))[1]

    def motion_costs(
        self, active: ActiveTracks, detections: CenterDetections
    ) -> tuple[jax.Array, jax.Array]:
        """Squared distances of centres [D, D'], and which detection and track may be linked."""
        objects = detections.objects
        moved = detections.centers + detections.offsets
        distances = jnp.sum((active.centers - moved[:, None]) ** 2, axis=-1)
        sizes = EXCLUSIVE.areas(objects.boxes)[:, None], EXCLUSIVE.areas(active.boxes)
        near = (distances <= sizes[0]) & (distances <= sizes[1])
        overlap = INCLUSIVE.iou(objects.boxes, active.boxes) >= self.min_iou
        return distances, near & overlap & objects.valid[:, None] & active.valid

    def _linked_again(
        self, memory: CenterMemory, objects: Detections, linked: jax.Array
    ) -> EmbeddingBank:
        """The bank after round 1; an identity that it has forgotten gets no embedding again."""
        bank = memory.bank
        same = (linked[:, None] == bank.ids) & (linked > 0)[:, None]  # [D, M]
        slot = jnp.where(same.any(axis=1), jnp.argmax(same, axis=1), len(bank.ids))
        old = bank.embeddings[jnp.minimum(slot, len(bank.ids) - 1)]
        return bank.replace(
            embeddings=bank.embeddings.at[slot].set(
                self._mean(old, objects.embeddings), mode="drop"
            ),
            labels=bank.labels.at[slot].set(objects.labels, mode="drop"),
            seen=bank.seen.at[slot].set(memory.frame, mode="drop"),
        )

    def _mean(self, old: jax.Array, new: jax.Array) -> jax.Array:
        return self.update * new + (1 - self.update) * old

    def _link_by_appearance(
        self, bank: EmbeddingBank, memory: CenterMemory, objects: Detections, linked: jax.Array
    ) -> tuple[EmbeddingBank, jax.Array, jax.Array, jax.Array]:
        """Round 2: bank, identities [D], newest identity, and identities that were forgotten."""

        def link(state, own):
            bank, count, lost = state
            embedding, label, wants = own
            slot, found = self._most_alike(bank, memory.frame, count, embedding, label)
            new = wants & ~found
            oldest = jnp.argmin(bank.seen)
            forgotten = new & (memory.frame - bank.seen[oldest] < self.max_age)
            count = count + new
            slot = jnp.where(found, slot, oldest)
            identity = jnp.where(found, bank.ids[slot], count)
            mixed = self._mean(bank.embeddings[slot], embedding)
            at = jnp.where(wants, slot, len(bank.ids))
            bank = EmbeddingBank(
                embeddings=bank.embeddings.at[at].set(
                    jnp.where(found, mixed, embedding), mode="drop"
                ),
                labels=bank.labels.at[at].set(label, mode="drop"),
                ids=bank.ids.at[at].set(identity, mode="drop"),
                seen=bank.seen.at[at].set(memory.frame, mode="drop"),
            )
            return (bank, count, lost + forgotten), jnp.where(wants, identity, 0)

        wants = objects.valid & (linked == 0)
        state = bank, memory.count, jnp.zeros((), jnp.int32)
        (bank, count, lost), ids = jax.lax.scan(
            link, state, (objects.embeddings, objects.labels, wants)
        )
        return bank, jnp.where(linked > 0, linked, ids), count, lost

    def _most_alike(
        self,
        bank: EmbeddingBank,
        frame: jax.Array,
        newest: jax.Array,
        embedding: jax.Array,
        label: jax.Array,
    ) -> tuple[jax.Array, jax.Array]:
        """Slot of the identity that looks most like an embedding, and whether it is the same.

        Only the best one is asked for its age. Of equals the one that was seen first is taken.
        """
        searched = (bank.ids > 0) & (bank.ids != newest) & (bank.seen != frame)
        searched &= bank.labels == label
        alike = jnp.where(searched, cosines(embedding, bank.embeddings), -jnp.inf)
        first = jnp.where(alike == alike.max(), bank.ids, jnp.iinfo(jnp.int32).max)
        slot = jnp.argmin(first)
        young = frame - bank.seen[slot] < self.max_age
        return slot, (alike[slot] >= self.min_cosine) & young


def cleaned(detections: CenterDetections) -> CenterDetections:
    """The same detections with harmless numbers in slots that are not valid."""
    valid = detections.objects.valid

    def clean(x):
        return jnp.where(valid.reshape(-1, *[1] * (x.ndim - 1)), x, jnp.zeros_like(x))

    objects = detections.objects
    return CenterDetections(
        objects=objects.replace(
            boxes=clean(objects.boxes),
            scores=clean(objects.scores),
            labels=clean(objects.labels),
            embeddings=clean(objects.embeddings),
        ),
        centers=clean(detections.centers),
        offsets=clean(detections.offsets),
    )


def cosines(embedding: jax.Array, others: jax.Array) -> jax.Array:
    """Cosines [M] of an embedding [E] with others [M, E], in full precision."""
    dots = jnp.matmul(others, embedding, precision=jax.lax.Precision.HIGHEST)
    lengths = jnp.linalg.norm(others, axis=-1) * jnp.linalg.norm(embedding)
    return dots / jnp.maximum(lengths, _SHORTEST)
