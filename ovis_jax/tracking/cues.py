"""Detections to identities by four cues: appearance, score, overlap and label.

Source: MaskTrack R-CNN, section 4.2, with the coefficients and the order of events of its code.
"""

import dataclasses

import flax
import jax
import jax.numpy as jnp

from ovis_jax.ops.boxes import INCLUSIVE, BoxConvention
from ovis_jax.structures import Detections, FrameOutput
from ovis_jax.tracking.rules import mean_and_majority
from ovis_jax.tracking.tracker import every_track, frame_output

_WORST_CLAIM = -100.0  # an object is never claimed by a total at or below it


@flax.struct.dataclass
class TrackMemory:
    """Objects of one video seen so far. An object's slot number is its identity.

    Attributes:
      boxes: [M, 4] float32, last known, pixels of the original frame.
      labels: [M] int32, of the object's first detection.
      embeddings: [M, E] float32, last known.
      count: [] int32, occupied slots; slots `0 .. count - 1` are valid.
      overflow: [] int32, detections dropped because no slot was free.
    """

    boxes: jax.Array
    labels: jax.Array
    embeddings: jax.Array
    count: jax.Array
    overflow: jax.Array


@dataclasses.dataclass(frozen=True)
class CueTracker:
    """Compares detections with the objects of a track memory and gives them identities.

    Attributes:
      score_weight: of the logarithm of the detection's score, which decides between rivals only.
      iou_weight: of the overlap with the object's last box.
      label_weight: of an equal label; "new" counts as equal.
      convention: of boxes.
    """

    score_weight: float = 1.0
    iou_weight: float = 2.0
    label_weight: float = 10.0
    convention: BoxConvention = INCLUSIVE

    track_rule = staticmethod(mean_and_majority)
    finish = staticmethod(every_track)

    def init_memory(self, capacity: int, embedding_size: int) -> TrackMemory:
        """An empty memory for `capacity` objects."""
        return empty_memory(capacity, embedding_size)

    def match_scores(self, memory: TrackMemory, detections: Detections) -> jax.Array:
        """How well each detection fits "new" and each object; see `total_scores`."""
        logits = match_logits(memory, detections)
        return self.total_scores(logits, memory, detections)

    def total_scores(
        self, logits: jax.Array, memory: TrackMemory, detections: Detections
    ) -> jax.Array:
        """Adds the other cues to match logits.

        Args:
          logits: [D, M], dot products of embeddings; may hold anything for empty slots.
          memory: objects, M slots.
          detections: D slots.

        Returns:
          [D, 1 + M]: column 0 is "new", column 1 + m object m; -inf for empty slots and for invalid
          detections.
        """
        occupied = jnp.arange(len(memory.labels)) < memory.count
        pairs = detections.valid[:, None] & occupied
        match = jnp.where(pairs, logits, -jnp.inf)
        probs = jax.nn.log_softmax(jnp.pad(match, ((0, 0), (1, 0))))  # "new" has logit 0
        iou = self.convention.iou(detections.boxes, memory.boxes)
        equal = detections.labels[:, None] == memory.labels
        cues = self.iou_weight * jnp.where(pairs, iou, 0) + self.label_weight * equal
        cues = jnp.pad(cues, ((0, 0), (1, 0)), constant_values=self.label_weight)
        scores = jnp.where(detections.valid, detections.scores, 1)
        scores = jnp.maximum(scores, jnp.finfo(scores.dtype).tiny)
        total = probs + self.score_weight * jnp.log(scores)[:, None] + cues
        return jnp.where(detections.valid[:, None], total, -jnp.inf)

    def update(
        self, memory: TrackMemory, detections: Detections
    ) -> tuple[TrackMemory, jax.Array, jax.Array]:
        """Gives the detections of a frame identities and remembers them.

        Args:
          memory: objects so far in this video; a video begins with an empty one.
          detections: of the frame, D slots.

        Returns:
          The new memory; ids [D] int32, -1 for none; kept [D] bool, the detection that finally
          holds its identity in this frame. A detection that a later one surpassed has an id, but
          is not kept. New objects for which no slot is free get no id and count as overflow.
        """
        return remember(memory, detections, self.match_scores(memory, detections))

    def step(self, memory: TrackMemory, detections: Detections) -> tuple[TrackMemory, FrameOutput]:
        """`update`, with the detections that hold an identity as the output of the frame."""
        lost = memory.overflow
        memory, ids, kept = self.update(memory, detections)
        return memory, frame_output(detections, ids, kept, memory.overflow - lost)


def empty_memory(capacity: int, embedding_size: int) -> TrackMemory:
    """The memory before the first frame: no objects in `capacity` slots."""
    return TrackMemory(
        boxes=jnp.zeros((capacity, 4)),
        labels=jnp.zeros(capacity, jnp.int32),
        embeddings=jnp.zeros((capacity, embedding_size)),
        count=jnp.zeros((), jnp.int32),
        overflow=jnp.zeros((), jnp.int32),
    )


def match_logits(memory: TrackMemory, detections: Detections) -> jax.Array:
    """Dot products [D, M] of the detections' with the objects' embeddings, in full precision."""
    return jnp.einsum(
        "de,me->dm", detections.embeddings, memory.embeddings, precision=jax.lax.Precision.HIGHEST
    )


def remember(
    memory: TrackMemory, detections: Detections, total: jax.Array
) -> tuple[TrackMemory, jax.Array, jax.Array]:
    """Assigns identities by total scores [D, 1 + M] and updates the memory; see `update`.

    An object takes over the box and the embedding of the detection that holds its identity; its
    label stays that of its first detection.
    """
    assigned = assign_identities(total, detections.valid, memory.count)
    return remember_assigned(memory, detections, *assigned)


def remember_assigned(
    memory: TrackMemory,
    detections: Detections,
    ids: jax.Array,
    kept: jax.Array,
    is_new: jax.Array,
) -> tuple[TrackMemory, jax.Array, jax.Array]:
    """Updates the memory by identities as `assign_identities` gives them; see `update`."""
    capacity = len(memory.labels)
    lost = is_new & (ids >= capacity)
    ids, kept = jnp.where(lost, -1, ids), kept & ~lost
    slot = jnp.where(kept, ids, capacity)  # out of range: not written
    new_slot = jnp.where(is_new, slot, capacity)
    memory = TrackMemory(
        boxes=memory.boxes.at[slot].set(detections.boxes, mode="drop"),
        labels=memory.labels.at[new_slot].set(detections.labels, mode="drop"),
        embeddings=memory.embeddings.at[slot].set(detections.embeddings, mode="drop"),
        count=memory.count + jnp.sum(is_new & kept, dtype=jnp.int32),
        overflow=memory.overflow + jnp.sum(lost, dtype=jnp.int32),
    )
    return memory, ids, kept


def assign_identities(
    total: jax.Array, valid: jax.Array, count: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """Each detection claims its best column, in order; a better claim on an object overrules.

    A claim succeeds if it is strictly better than all earlier claims on the same object. What it
    overrules keeps the id as well, but does not hold it.

    Args:
      total: [D, 1 + M], column 0 is "new".
      valid: [D] bool.
      count: [] int32, objects so far; new ones are numbered from here.

    Returns:
      ids [D] int32, -1 for none; kept [D] bool, the holders; is_new [D] bool, with ids that nobody
      else can claim in this frame.
    """
    column = jnp.where(valid, jnp.argmax(total, axis=1), 0)  # the first of equals
    is_new = valid & (column == 0)
    claim = jnp.where(valid & ~is_new, total.max(axis=1), -jnp.inf)
    order = jnp.arange(len(claim))
    rivals = (column == column[:, None]) & jnp.isfinite(claim)  # [detection, rival]
    earlier, later = rivals & (order < order[:, None]), rivals & (order > order[:, None])
    beaten = jnp.any(earlier & (claim >= claim[:, None]), axis=1)
    surpassed = jnp.any(later & (claim > claim[:, None]), axis=1)
    succeeds = (claim > _WORST_CLAIM) & ~beaten
    new_ids = count + jnp.cumsum(is_new) - 1
    ids = jnp.where(is_new, new_ids, jnp.where(succeeds, column - 1, -1)).astype(jnp.int32)
    return ids, is_new | (succeeds & ~surpassed), is_new
