"""MaskTrack R-CNN's cues with a longer memory: embeddings of several frames, masks, two rounds.

And with other ways to tell the class of a track than by the vote of its frames.

All of it goes beyond MaskTrack R-CNN and the OVIS paper. Without any of it the tracks are those of
`CueTracker`. Sources of the ideas: memories of several embeddings, as in IDOL (section 3.4); a
second round for unsure detections, ByteTrack (Zhang et al., ECCV 2022).
"""

import dataclasses
from collections.abc import Sequence

import flax
import jax
import jax.numpy as jnp

from ovis_jax.ops.boxes import INCLUSIVE, BoxConvention
from ovis_jax.structures import Detections, FrameOutput
from ovis_jax.tracking.cues import (
    CueTracker,
    TrackMemory,
    assign_identities,
    empty_memory,
    remember_assigned,
)
from ovis_jax.tracking.rules import (
    Track,
    TrackRule,
    mean_and_majority,
    mean_classes_above,
    mean_of_classes,
)
from ovis_jax.tracking.tracker import every_track, frame_output

LEAST_MEAN = 0.05  # of a class, over the frames of a track, that "every" reports


def _where_known(rule: TrackRule) -> TrackRule:
    """The rule, or the vote for objects without class scores: annotated ones, of an oracle."""

    def records(track: Track) -> Sequence[tuple[float, int]]:
        return (mean_and_majority if track.class_scores is None else rule)(track)

    return records


RULES: dict[str, TrackRule] = {
    "majority": mean_and_majority,
    "mean": _where_known(mean_of_classes),
    "every": _where_known(mean_classes_above(LEAST_MEAN)),
}


@flax.struct.dataclass
class LongMemory:
    """Objects of one video seen so far.

    Attributes:
      objects: M slots, with the newest box and embedding of each object.
      recent: [M, R, E] float32, the last embeddings of each object, the newest last.
      stored: [M] int32, how many of them there are.
      masks: [M, S, S] bool, the last mask of each object on a grid over its mask box; S is 0 where
        masks are not compared.
      mask_boxes: [M, 4] float32.
    """

    objects: TrackMemory
    recent: jax.Array
    stored: jax.Array
    masks: jax.Array
    mask_boxes: jax.Array


@dataclasses.dataclass(frozen=True)
class LongCueTracker:
    """`CueTracker` with a longer memory.

    Attributes:
      score_weight: see `CueTracker`; likewise `iou_weight`, `label_weight`, `convention`.
      iou_weight: see there.
      label_weight: see there.
      length: embeddings that are remembered of an object; their mean is compared.
      mask_weight: of the overlap (IoU) of a detection's mask with the object's last one; 0: masks
        are not remembered. Masks must be grids over boxes.
      mask_side: S, side of these grids.
      sure_score: detections below it are linked in a second round, to objects that nobody took in
        the first one, and start none.
      classes: of a track, one of `RULES`: that of most of its frames, as published; that of the
        highest mean probability; or a record for each class of a mean above `LEAST_MEAN`. The last
        two need a system that gives class scores.
      convention: of boxes.
    """

    score_weight: float = 1.0
    iou_weight: float = 2.0
    label_weight: float = 10.0
    length: int = 1
    mask_weight: float = 0.0
    mask_side: int = 28
    sure_score: float = 0.0
    classes: str = "majority"
    convention: BoxConvention = INCLUSIVE

    finish = staticmethod(every_track)

    def __post_init__(self):
        """Checks the name of the rule."""
        if self.classes not in RULES:
            raise ValueError(f"tracker.classes is {self.classes!r}; expected one of {tuple(RULES)}")

    @property
    def track_rule(self) -> TrackRule:
        """What `classes` names."""
        return RULES[self.classes]

    @property
    def cues(self) -> CueTracker:
        """What compares boxes, labels and scores."""
        return CueTracker(self.score_weight, self.iou_weight, self.label_weight, self.convention)

    def init_memory(self, capacity: int, embedding_size: int) -> LongMemory:
        """An empty memory for `capacity` objects."""
        side = self.mask_side if self.mask_weight else 0
        return LongMemory(
            objects=empty_memory(capacity, embedding_size),
            recent=jnp.zeros((capacity, self.length, embedding_size)),
            stored=jnp.zeros(capacity, jnp.int32),
            masks=jnp.zeros((capacity, side, side), bool),
            mask_boxes=jnp.zeros((capacity, 4)),
        )

    def mean_embeddings(self, memory: LongMemory) -> jax.Array:
        """[M, E], means of what is remembered of each object; 0 of nothing."""
        place = jnp.arange(self.length) >= self.length - memory.stored[:, None]
        total = jnp.sum(jnp.where(place[..., None], memory.recent, 0), axis=1)
        return total / jnp.maximum(memory.stored, 1)[:, None]

    def match_scores(self, memory: LongMemory, detections: Detections) -> jax.Array:
        """How well each detection fits "new" and each object, [D, 1 + M], as `total_scores`."""
        logits = jnp.einsum(
            "de,me->dm",
            detections.embeddings,
            self.mean_embeddings(memory),
            precision=jax.lax.Precision.HIGHEST,
        )
        total = self.cues.total_scores(logits, memory.objects, detections)
        if not self.mask_weight:
            return total
        iou = grid_iou(
            self._masks(detections),
            jnp.where(detections.valid[:, None], detections.mask_boxes, 0),
            memory.masks,
            memory.mask_boxes,
            self.convention,
        )
        return total.at[:, 1:].add(self.mask_weight * iou)

    def update(
        self, memory: LongMemory, detections: Detections
    ) -> tuple[LongMemory, jax.Array, jax.Array]:
        """Gives the detections of a frame identities and remembers them; see `CueTracker`."""
        assigned = self.assign(memory, detections)
        objects, ids, kept = remember_assigned(memory.objects, detections, *assigned)
        slot = jnp.where(kept, ids, len(memory.stored))  # out of range: not written
        old = jnp.minimum(slot, len(memory.stored) - 1)
        longer = jnp.concatenate([memory.recent[old, 1:], detections.embeddings[:, None]], axis=1)
        more = jnp.minimum(memory.stored[old] + 1, self.length)
        memory = memory.replace(
            objects=objects,
            recent=memory.recent.at[slot].set(longer, mode="drop"),
            stored=memory.stored.at[slot].set(more, mode="drop"),
        )
        if self.mask_weight:
            memory = memory.replace(
                masks=memory.masks.at[slot].set(self._masks(detections), mode="drop"),
                mask_boxes=memory.mask_boxes.at[slot].set(detections.mask_boxes, mode="drop"),
            )
        return memory, ids, kept

    def assign(
        self, memory: LongMemory, detections: Detections
    ) -> tuple[jax.Array, jax.Array, jax.Array]:
        """Identities in two rounds, as `assign_identities` gives them."""
        total, count = self.match_scores(memory, detections), memory.objects.count
        sure = detections.valid & (detections.scores >= self.sure_score)
        ids, kept, is_new = assign_identities(_of(total, sure), sure, count)
        slots = len(memory.stored)
        taken = (
            jnp.zeros(slots, bool).at[jnp.where(kept & ~is_new, ids, slots)].set(True, mode="drop")
        )
        left = jnp.where(jnp.pad(taken, (1, 0)), -jnp.inf, total)
        unsure = detections.valid & ~sure
        late_ids, late_kept, late_new = assign_identities(_of(left, unsure), unsure, count)
        late = unsure & ~late_new
        ids = jnp.where(unsure, jnp.where(late, late_ids, -1), ids)
        return ids, kept | (late & late_kept), is_new

    def step(self, memory: LongMemory, detections: Detections) -> tuple[LongMemory, FrameOutput]:
        """`update`, with the detections that hold an identity as the output of the frame."""
        lost = memory.objects.overflow
        memory, ids, kept = self.update(memory, detections)
        return memory, frame_output(detections, ids, kept, memory.objects.overflow - lost)

    def _masks(self, detections: Detections) -> jax.Array:
        """[D, S, S] bool."""
        side = self.mask_side
        if detections.mask_logits.shape[1:] != (side, side):
            raise ValueError(
                f"mask_logits are {detections.mask_logits.shape[1:]}, expected ({side}, {side}): "
                "masks on a grid over their box, of mask_side cells"
            )
        return (detections.mask_logits > 0) & detections.valid[:, None, None]


def grid_iou(
    masks: jax.Array,
    boxes: jax.Array,
    other_masks: jax.Array,
    other_boxes: jax.Array,
    convention: BoxConvention = INCLUSIVE,
) -> jax.Array:
    """Intersection over union of masks on grids over their boxes, as far as the grids resolve it.

    What two masks share is measured at the middles of the cells of the first one.

    Args:
      masks: [D, S, S] bool.
      boxes: [D, 4].
      other_masks: [M, R, R] bool.
      other_boxes: [M, 4], in the same frame.
      convention: of the boxes.

    Returns:
      [D, M] in [0, 1]; 0 where both masks are empty.
    """
    extra = float(convention.inclusive)
    sides, other_sides = (x[:, 2:] - x[:, :2] + extra for x in (boxes, other_boxes))
    middles = (jnp.arange(masks.shape[-1]) + 0.5) / masks.shape[-1]
    points = boxes[:, None, :2] + middles[:, None] * sides[:, None]  # [D, S, 2], x and y apart
    cells = other_masks.shape[-1]
    place = (points[:, None] - other_boxes[:, None, :2]) / jnp.maximum(other_sides, 1e-6)[:, None]
    index = jnp.floor(place * cells).astype(jnp.int32)  # [D, M, S, 2]
    inside = (index >= 0) & (index < cells)
    index = jnp.clip(index, 0, cells - 1)

    def shared(mask, index, inside):  # of one detection with all objects: [M]
        rows = jnp.take_along_axis(other_masks, index[..., 1][:, :, None], axis=1)
        there = jnp.take_along_axis(rows, index[..., 0][:, None, :], axis=2)
        there &= inside[:, :, None, 1] & inside[:, None, :, 0]
        return jnp.mean(there & mask, axis=(1, 2))

    areas = masks.mean(axis=(1, 2)) * convention.areas(boxes)
    other_areas = other_masks.mean(axis=(1, 2)) * convention.areas(other_boxes)
    overlap = jax.vmap(shared)(masks, index, inside) * convention.areas(boxes)[:, None]
    union = areas[:, None] + other_areas - overlap
    return jnp.clip(overlap / jnp.where(union <= 0, 1, union), 0, 1)


def _of(total: jax.Array, chosen: jax.Array) -> jax.Array:
    return jnp.where(chosen[:, None], total, -jnp.inf)
