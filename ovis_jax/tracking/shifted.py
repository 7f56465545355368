"""Detections to identities where objects have been moved into the frame before: STMask."""

from __future__ import annotations

import dataclasses

import flax
import jax
import jax.numpy as jnp

from ovis_jax.ops.boxes import EXCLUSIVE, BoxConvention
from ovis_jax.tracking.rules import mean_and_majority
from ovis_jax.tracking.tracker import every_track


@flax.struct.dataclass
class MaskedBoxes:
    """Detected objects of one frame, whose masks are mixed from prototypes.

    Attributes:
      boxes: [D, 4] float32, relative to the padded frame.
      scores: [D] float32, descending; they may be negative.
      labels: [D] int32 in [0, K).
      coefficients: [D, C] float32.
      embeddings: [D, E] float32, of length 1.
      valid: [D] bool.
      overflow: [] int32, objects that were lost because a capacity was too small.
    """

    boxes: jax.Array
    scores: jax.Array
    labels: jax.Array
    coefficients: jax.Array
    embeddings: jax.Array
    valid: jax.Array
    overflow: jax.Array


@flax.struct.dataclass
class ShiftedMemory:
    """Objects of one video. An object's slot number is its identity.

    Attributes:
      boxes: [M, 4] float32, relative to the padded frame; they may have drifted out of it.
      scores: [M] float32, of the last detection, less for every frame since.
      labels: [M] int32, of the last detection.
      coefficients: [M, C] float32, of the mask in the frame that was seen last.
      embeddings: [M, E] float32, of the last detection.
      ages: [M] int32, frames since the last detection.
      count: [] int32, occupied slots; slots `0 .. count - 1` are valid.
      overflow: [] int32, detections dropped because no slot was free.
    """

    boxes: jax.Array
    scores: jax.Array
    labels: jax.Array
    coefficients: jax.Array
    embeddings: jax.Array
    ages: jax.Array
    count: jax.Array
    overflow: jax.Array

    @property
    def occupied(self) -> jax.Array:
        """[M] bool."""
        return jnp.arange(len(self.labels)) < self.count


@dataclasses.dataclass(frozen=True)
class ShiftedTracker:
    """Moves objects from frame to frame and links detections to where they have come.

    A detection chooses the object of its largest affinity, or starts one if that is below what a
    stranger has (`new_mask_iou`, `new_box_iou`, cosine 0). Of several that choose one object the
    best detection keeps it; the others are dropped. An object takes over everything from its
    detection. Objects never end; those that were not detected for long are not shown.

    Attributes:
      mask_weight: of the overlap of masks.
      box_weight: of the overlap of boxes.
      new_mask_iou: overlap of masks that a new object is said to have.
      new_box_iou: likewise of boxes.
      decay: factor on an object's score for every frame.
      max_age: frames without a detection in which an object is still shown.
      min_score: of objects that are shown, above it.
      min_cells: of the mask of objects that are shown, above it.
      tie: affinities closer than this are equal, of which the object that was first seen counts.
      convention: of boxes.
    """

    mask_weight: float = 1.0
    box_weight: float = 2.0
    new_mask_iou: float = 0.3
    new_box_iou: float = 0.3
    decay: float = 0.95
    max_age: int = 10
    min_score: float = 0.05
    min_cells: int = 1
    tie: float = 1e-5
    convention: BoxConvention = EXCLUSIVE

    track_rule = staticmethod(mean_and_majority)
    finish = staticmethod(every_track)

    def init_memory(
        self, capacity: int, embedding_size: int, num_coefficients: int
    ) -> ShiftedMemory:
        """An empty memory for `capacity` objects."""
        return ShiftedMemory(
            boxes=jnp.zeros((capacity, 4)),
            scores=jnp.zeros(capacity),
            labels=jnp.zeros(capacity, jnp.int32),
            coefficients=jnp.zeros((capacity, num_coefficients)),
            embeddings=jnp.zeros((capacity, embedding_size)),
            ages=jnp.zeros(capacity, jnp.int32),
            count=jnp.zeros((), jnp.int32),
            overflow=jnp.zeros((), jnp.int32),
        )

    def aged(
        self, memory: ShiftedMemory, boxes: jax.Array, coefficients: jax.Array
    ) -> ShiftedMemory:
        """The memory one frame later: objects at boxes [M, 4] with coefficients [M, C]."""
        there = memory.occupied
        return memory.replace(
            boxes=jnp.where(there[:, None], boxes, 0),
            coefficients=jnp.where(there[:, None], coefficients, 0),
            scores=memory.scores * self.decay,
            ages=memory.ages + there,
        )

    def affinities(
        self, memory: ShiftedMemory, detections: MaskedBoxes, mask_iou: jax.Array
    ) -> jax.Array:
        """How well each detection fits "new" and each object.

        Args:
          memory: objects in this frame.
          detections: of the frame.
          mask_iou: [D, M], overlap of their masks.

        Returns:
          [D, 1 + M]: column 0 is "new", column 1 + m object m; -inf for empty slots.
        """
        cosine = jnp.einsum(
            "de,me->dm", detections.embeddings, memory.embeddings, precision="highest"
        )
        iou = self.convention.iou(detections.boxes, memory.boxes)
        known = (cosine + 1) / 2 + self.mask_weight * mask_iou + self.box_weight * iou
        known = jnp.where(memory.occupied, known, -jnp.inf)
        new = 0.5 + self.mask_weight * self.new_mask_iou + self.box_weight * self.new_box_iou
        return jnp.pad(known, ((0, 0), (1, 0)), constant_values=new)

    def link(
        self, memory: ShiftedMemory, detections: MaskedBoxes, affinities: jax.Array
    ) -> tuple[ShiftedMemory, jax.Array]:
        """Gives the detections of a frame identities and remembers them.

        Returns:
          The memory after the frame; identities [D] int32, -1 for detections that were dropped. New
          objects for which no slot is free are dropped and count as overflow.
        """
        valid, capacity = detections.valid, len(memory.labels)
        best = affinities.max(axis=1, keepdims=True)
        column = jnp.argmax(affinities >= best - self.tie, axis=1)  # the first of equals
        is_new = valid & (column == 0)
        claims = valid & ~is_new
        order = jnp.arange(len(valid))
        better = (detections.scores > detections.scores[:, None]) | (
            (detections.scores == detections.scores[:, None]) & (order < order[:, None])
        )
        rivals = claims & (column == column[:, None]) & better  # [detection, rival]
        wins = claims & ~rivals.any(axis=1)
        ids = jnp.where(is_new, memory.count + jnp.cumsum(is_new) - 1, column - 1)
        lost = is_new & (ids >= capacity)
        kept = (is_new | wins) & ~lost
        slot = jnp.where(kept, ids, capacity)  # out of range: not written

        def taken(old, new):
            return old.at[slot].set(new.astype(old.dtype), mode="drop")

        memory = memory.replace(
            **{
                name: taken(getattr(memory, name), getattr(detections, name))
                for name in ("boxes", "scores", "labels", "coefficients", "embeddings")
            },
            ages=taken(memory.ages, jnp.zeros_like(slot)),
            count=memory.count + jnp.sum(is_new & kept, dtype=jnp.int32),
            overflow=memory.overflow + jnp.sum(lost, dtype=jnp.int32),
        )
        return memory, jnp.where(kept, ids, -1).astype(jnp.int32)

    def shown(self, memory: ShiftedMemory, mask_cells: jax.Array) -> jax.Array:
        """Objects [M] bool that are output, of which masks fill [M] cells."""
        fresh = memory.ages <= self.max_age
        found = (memory.scores > self.min_score) & (mask_cells > self.min_cells)
        return memory.occupied & fresh & found
