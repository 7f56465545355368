"""Detections to identities by the overlap of boxes alone: IoUTracker+.

Two readings. "iou" is the published tracker: Bochinski et al. 2017, High-Speed Tracking-by-
Detection Without Using Image Information. "iou_plus" is this package's reading of what the
YouTube-VIS paper calls IoUTracker+, of which no code was published: the cues of MaskTrack R-CNN
without appearance.
"""

import dataclasses

import flax
import jax
import jax.numpy as jnp

from ovis_jax.ops.boxes import INCLUSIVE, BoxConvention
from ovis_jax.structures import Detections, FrameOutput
from ovis_jax.tracking.rules import Track, mean_and_majority
from ovis_jax.tracking.tracker import every_track, frame_output

READINGS = ("iou_plus", "iou")
IOU_WEIGHT = 2.0
LABEL_WEIGHT = 10.0


@flax.struct.dataclass
class IoUMemory:
    """Tracks of one video that may go on. The slots of those that ended are used again.

    Attributes:
      boxes: [M, 4] float32, of the last detection, pixels of the original frame.
      labels: [M] int32, of the first detection.
      ids: [M] int32, identities, in the order in which tracks were started.
      missed: [M] int32, frames since the last detection.
      live: [M] bool; other slots are free and may hold anything.
      count: [] int32, tracks started so far: the next identity.
      overflow: [] int32, detections that could not start a track because no slot was free.
    """

    boxes: jax.Array
    labels: jax.Array
    ids: jax.Array
    missed: jax.Array
    live: jax.Array
    count: jax.Array
    overflow: jax.Array


@dataclasses.dataclass(frozen=True)
class IoUTracker:
    """Links detections to the tracks whose last boxes they overlap.

    Attributes:
      reading: one of `READINGS`. "iou_plus": each detection chooses its best track of equal label,
        see `link_scores`. "iou": each track in the order of their starts takes the free detection
        that it overlaps most, of any label.
      min_iou: overlap that links: from it on in "iou", above it in "iou_plus" (σ_iou).
      min_score: detections below it are not looked at (σ_l).
      terminate: whether tracks end.
      max_missed: frames without a detection after which a track goes on, if tracks end; 0: it ends
        with the first one, as published.
      losers_start: in "iou_plus", whether a detection whose track a better one took starts a track;
        otherwise it is dropped, as in MaskTrack R-CNN.
      min_best_score: tracks without a detection of that score are not reported (σ_h).
      min_length: tracks of fewer detections are not reported (t_min).
      convention: of boxes.
    """

    reading: str = "iou_plus"
    min_iou: float = 0.3
    min_score: float = 0.0
    terminate: bool = False
    max_missed: int = 0
    losers_start: bool = False
    min_best_score: float = 0.0
    min_length: int = 1
    convention: BoxConvention = INCLUSIVE

    finish = staticmethod(every_track)

    def __post_init__(self):
        """Refuses unknown readings and overlaps that cannot be."""
        if self.reading not in READINGS:
            raise ValueError(f"reading is {self.reading!r}; expected one of {READINGS}")
        if not 0 <= self.min_iou <= 1:
            raise ValueError(f"min_iou is {self.min_iou}; expected 0 <= min_iou <= 1")

    def init_memory(self, capacity: int, embedding_size: int) -> IoUMemory:
        """An empty memory for `capacity` tracks at a time; embeddings are not used."""
        del embedding_size
        return IoUMemory(
            boxes=jnp.zeros((capacity, 4)),
            labels=jnp.zeros(capacity, jnp.int32),
            ids=jnp.zeros(capacity, jnp.int32),
            missed=jnp.zeros(capacity, jnp.int32),
            live=jnp.zeros(capacity, bool),
            count=jnp.zeros((), jnp.int32),
            overflow=jnp.zeros((), jnp.int32),
        )

    def step(self, memory: IoUMemory, detections: Detections) -> tuple[IoUMemory, FrameOutput]:
        """Links the detections of a frame; those without an identity are not part of the output."""
        valid = detections.valid & (detections.scores >= self.min_score)
        slots, starts = self._assign(memory, detections, valid)
        lost = memory.overflow
        memory, ids = self._remember(memory, detections, slots, starts)
        return memory, frame_output(detections, ids, ids >= 0, memory.overflow - lost)

    def track_rule(self, track: Track) -> list[tuple[float, int]]:
        """Mean score and most frequent label; no record of a track that is too weak or short."""
        if track.scores.max() < self.min_best_score or len(track) < self.min_length:
            return []
        return mean_and_majority(track)

    def _assign(
        self, memory: IoUMemory, detections: Detections, valid: jax.Array
    ) -> tuple[jax.Array, jax.Array]:
        """The slot [D] of each detection, -1 for none, and which [D] start a track."""
        iou = self.convention.iou(detections.boxes, memory.boxes)
        iou = jnp.where(valid[:, None] & memory.live, iou, -1)
        if self.reading == "iou":
            slots = tracks_choose(iou, memory, self.min_iou)
            return slots, valid & (slots < 0)
        scores = jnp.where(valid, detections.scores, 1)
        total = link_scores(iou, detections.labels[:, None] == memory.labels, scores, self.min_iou)
        slots, is_new = detections_choose(total, valid, memory.ids)
        return slots, valid & ((slots < 0) if self.losers_start else is_new)

    def _remember(
        self, memory: IoUMemory, detections: Detections, slots: jax.Array, starts: jax.Array
    ) -> tuple[IoUMemory, jax.Array]:
        """The memory after the frame, and the detections' identities [D], -1 for none."""
        capacity = len(memory.live)
        outside = jnp.where(slots >= 0, slots, capacity)  # out of range: not written
        missed = (memory.missed + 1).at[outside].set(0, mode="drop")
        live = memory.live & (missed <= self.max_missed) if self.terminate else memory.live
        rank = jnp.cumsum(starts) - 1
        fits = starts & (rank < capacity - live.sum())
        free = jnp.argsort(live, stable=True)  # free slots first
        new = jnp.where(fits, free[jnp.minimum(rank, capacity - 1)], capacity)
        taken = jnp.where(fits, new, outside)
        own = jnp.where(slots >= 0, memory.ids[jnp.maximum(slots, 0)], -1)
        ids = jnp.where(fits, memory.count + rank, own).astype(jnp.int32)
        memory = IoUMemory(
            boxes=memory.boxes.at[taken].set(detections.boxes, mode="drop"),
            labels=memory.labels.at[new].set(detections.labels, mode="drop"),
            ids=memory.ids.at[new].set(ids, mode="drop"),
            missed=missed.at[new].set(0, mode="drop"),
            live=live.at[new].set(True, mode="drop"),
            count=memory.count + jnp.sum(fits, dtype=jnp.int32),
            overflow=memory.overflow + jnp.sum(starts & ~fits, dtype=jnp.int32),
        )
        return memory, ids


def link_scores(iou: jax.Array, same: jax.Array, scores: jax.Array, new_iou: float) -> jax.Array:
    """How well each detection fits "new" and each track: log s + 2 IoU + 10 [equal label].

    "New" counts as an equal label and as an overlap of `new_iou`. (MaskTrack R-CNN's has none:
    without appearance any overlap would then link.)

    Args:
      iou: [D, M], -1 where detection or track do not exist.
      same: [D, M] bool, equal labels.
      scores: [D] of the detections.
      new_iou: overlap that "new" stands for.

    Returns:
      [D, 1 + M]: column 0 is "new", column 1 + m track m; -inf for those that do not exist.
    """
    links = jnp.where(iou >= 0, IOU_WEIGHT * iou + LABEL_WEIGHT * same, -jnp.inf)
    new = IOU_WEIGHT * new_iou + LABEL_WEIGHT
    total = jnp.pad(links, ((0, 0), (1, 0)), constant_values=new)
    return total + jnp.log(jnp.maximum(scores, jnp.finfo(scores.dtype).tiny))[:, None]


def detections_choose(
    total: jax.Array, valid: jax.Array, ids: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Each detection chooses its best column; of those that choose one track the best keeps it.

    Args:
      total: [D, 1 + M] of `link_scores`; of equals "new" comes before tracks, the older track
        before the younger (slots are used again, so theirs is another order), the first detection
        first.
      valid: [D] bool.
      ids: [M] int32, of the tracks, counted from 0 in the order of their starts.

    Returns:
      The slot [D] of each detection, -1 for none, and which [D] chose "new".
    """
    # Compared for equality, so that both must see one rounding: it is computed once.
    total = jax.lax.optimization_barrier(total)
    best, order = total.max(axis=1), jnp.arange(len(total))
    ranks = jnp.pad(ids, (1, 0), constant_values=-1)
    ranks = jnp.where(total == best[:, None], ranks, jnp.iinfo(ids.dtype).max)
    column = jnp.where(valid, jnp.argmin(ranks, axis=1), 0)
    better = (best > best[:, None]) | ((best == best[:, None]) & (order < order[:, None]))
    beaten = jnp.any((column == column[:, None]) & better & valid, axis=1)
    keeps = valid & (column > 0) & ~beaten
    return jnp.where(keeps, column - 1, -1), valid & (column == 0)


def tracks_choose(iou: jax.Array, memory: IoUMemory, min_iou: float) -> jax.Array:
    """Each live track in the order of their starts takes the free detection it overlaps most.

    Args:
      iou: [D, M], -1 where detection or track do not exist; of equal detections the first.
      memory: tracks, M slots.
      min_iou: overlap that a track asks for.

    Returns:
      The slot [D] of each detection, -1 for none.
    """
    order = jnp.argsort(jnp.where(memory.live, memory.ids, jnp.iinfo(jnp.int32).max))

    def choose(number, slots):
        slot = order[number]
        overlap = jnp.where(slots < 0, iou[:, slot], -1)
        best = jnp.argmax(overlap)
        hit = overlap[best] >= min_iou
        return slots.at[best].set(jnp.where(hit, slot, slots[best]))

    return jax.lax.fori_loop(0, memory.live.sum(), choose, jnp.full(len(iou), -1, order.dtype))
