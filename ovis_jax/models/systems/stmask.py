"""STMask: anchors of several shapes predict objects, and objects are moved from frame to frame."""

from __future__ import annotations

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models import stmask_losses as learned
from ovis_jax.models import stmask_pairs as pairs
from ovis_jax.models.heads import prototype_mask as mask_head
from ovis_jax.models.heads import shape_anchors as anchor_head
from ovis_jax.models.heads import track_shift as shift_head
from ovis_jax.models.stmask_decoding import anchor_detections
from ovis_jax.models.stmask_records import EncodedFrame, FramePredictions
from ovis_jax.models.systems.online import OnlineSystem, Pyramid
from ovis_jax.ops.assign_anchors import AnchorThresholds
from ovis_jax.ops.masks import mask_iou
from ovis_jax.ops.means import Mean
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.structures import Clips, Features, FrameOutput, Window
from ovis_jax.tracking.cut_grids import paste_cut_grids
from ovis_jax.tracking.paste import MaskRule
from ovis_jax.tracking.shifted import MaskedBoxes, ShiftedMemory

SHIFT_LEVEL = 1  # of the pyramid, from which objects are moved: stride 16


@flax.struct.dataclass
class STMaskCapacity:
    """Sizes of the padded records between the stages; see `configs.parts.stmask`."""

    candidates: int
    detections: int
    positives: int


class STMask(OnlineSystem):
    """Detects objects, moves those of the frame before, and links the two.

    Objects that are not detected stay where they have been moved to, and are shown for some frames.
    The output of a frame are the objects of the memory. Source: Li et al. 2021, Spatial Feature
    Calibration and Temporal Fusion for Effective One-stage Video Instance Segmentation, and its
    published code.

    Attributes:
      anchors: pyramid P3...P7 to what is said of anchors.
      prototypes: P3 to prototypes of masks.
      shift: moves objects from frame to frame.
      capacity: sizes of the padded records.
      score_threshold: of the probability of a class, from which on an anchor is a candidate.
      nms_iou: overlap above which the worse box is dropped.
      suppression: one of `stmask_decoding.SUPPRESSIONS`. The published script uses the first one,
        the published numbers for OVIS are those of the second.
      thresholds: of the assignment of anchors.
      anchor_losses: weights of the losses of anchors.
      pair_losses: weights of the other losses.
    """

    anchors: anchor_head.ShapeAnchorHead
    prototypes: mask_head.PrototypeHead
    shift: shift_head.TrackShiftHead
    capacity: STMaskCapacity
    score_threshold: float = 0.05
    nms_iou: float = 0.5
    suppression: str = "per_class"
    thresholds: AnchorThresholds = AnchorThresholds()
    anchor_losses: anchor_head.AnchorLosses = anchor_head.AnchorLosses()
    pair_losses: pairs.PairLosses = pairs.PairLosses()

    MASK_FRAMES = 2

    @property
    def mask_rule(self) -> MaskRule:
        """Mask logits of a frame to run lengths: grids over the whole canvas, cut to the frame."""
        return paste_cut_grids

    def predict(self, frames: jax.Array, image_size: jax.Array) -> FramePredictions:
        """What the heads say of frames [F, H, W, 3] uint8 with sizes [F, 2]."""
        return self.predict_from(self.neck(self.backbone(self.normalise(frames, image_size))))

    def predict_from(self, pyramid: Pyramid) -> FramePredictions:
        """What the heads say of frames, by their pyramid P3...P7, levels [F, h, w, C]."""
        maps = self.anchors(pyramid)
        sizes = [x.shape[1:3] for x in pyramid]
        return FramePredictions(
            maps=maps,
            anchors=jnp.asarray(anchor_head.shape_anchors(sizes)),
            prototypes=self.prototypes(pyramid[0]),
            shift=shift_head.FrameMaps(pyramid[SHIFT_LEVEL], maps.shared[SHIFT_LEVEL]),
        )

    def encode(self, frames: jax.Array, image_size: jax.Array) -> EncodedFrame:
        """Detections of single frames, and the maps that objects are moved and drawn with.

        Args:
          frames: [B, H, W, 3] uint8 RGB, on the padded canvas.
          image_size: [B, 2], (height, width) of the frames without padding.
        """
        predicted = self.predict(frames, image_size)
        detections, _ = self.detections(predicted)
        return EncodedFrame(detections, predicted.prototypes, predicted.shift)

    def detections(self, predicted: FramePredictions) -> tuple[MaskedBoxes, jax.Array]:
        """Detections [F, D, ...], and their anchors [F, D]."""

        def of_frame(maps):
            return anchor_detections(
                maps,
                predicted.anchors,
                suppression=self.suppression,
                score_threshold=self.score_threshold,
                nms_iou=self.nms_iou,
                candidates=self.capacity.candidates,
                capacity=self.capacity.detections,
            )

        return jax.vmap(of_frame)(predicted.maps.replace(shared=()))

    def init_memory(self, capacity: int, features: Features) -> ShiftedMemory:
        """Empty memory for `capacity` objects of one video, whatever the features are."""
        del features
        sizes = self.anchors.embedding_size, self.anchors.num_coefficients
        return self.tracker.init_memory(capacity, *sizes)

    def step(self, memory: ShiftedMemory, window: Window) -> tuple[ShiftedMemory, FrameOutput]:
        """Moves the objects of the memory into a window's query frame and links its detections."""
        before, own = (jax.tree.map(lambda x, i=i: x[i], window.features) for i in (0, 1))
        maps = jax.tree.map(lambda x: jnp.where(window.valid[0], x, 0), before.shift)
        return self.linked(self.moved(memory, maps, own.shift), own, window)

    def moved(
        self, memory: ShiftedMemory, before: shift_head.FrameMaps, own: shift_head.FrameMaps
    ) -> ShiftedMemory:
        """The memory, whose objects stood in the frame before, in this frame."""
        joined = self.shift.joined(*jax.tree.map(lambda x: x[None], (before, own)))
        boxes, occupied = memory.boxes[None], memory.occupied[None]
        deltas, shifts = self.shift.shifts(joined, boxes, occupied)
        boxes = shift_head.shifted_boxes(memory.boxes, deltas[0])
        return self.tracker.aged(memory, boxes, memory.coefficients + shifts[0])

    def affinities(self, memory: ShiftedMemory, own: EncodedFrame) -> jax.Array:
        """How well the detections of a frame fit the objects moved into it: [D, 1 + M]."""
        return self.tracker.affinities(memory, own.detections, mask_iou(*self._masks(memory, own)))

    def _masks(self, memory: ShiftedMemory, own: EncodedFrame) -> tuple[jax.Array, jax.Array]:
        """Masks [D, h, w] of detections and [M, h, w] of objects of the memory."""
        return tuple(self.draw(x, own.prototypes) > 0 for x in (own.detections, memory))

    @nn.nowrap
    def draw(self, objects: MaskedBoxes | ShiftedMemory, prototypes: jax.Array) -> jax.Array:
        """Mask logits [N, h, w] of objects with the prototypes [h, w, C] of a frame."""
        return mask_head.prototype_logits(prototypes, objects.coefficients, objects.boxes)

    def linked(
        self, memory: ShiftedMemory, own: EncodedFrame, window: Window
    ) -> tuple[ShiftedMemory, FrameOutput]:
        """The memory, moved into a window's query frame, with its detections; and the output."""
        lost = memory.overflow
        affinities = self.affinities(memory, own)
        memory, _ = self.tracker.link(memory, own.detections, affinities)
        overflow = own.detections.overflow + memory.overflow - lost
        logits = self.draw(memory, own.prototypes)
        return memory, self._output(memory, logits, overflow, window)

    def _output(
        self, memory: ShiftedMemory, logits: jax.Array, overflow: jax.Array, window: Window
    ) -> FrameOutput:
        """Objects that are shown, with mask logits [M, h, w]."""
        height, width = (mask_head.PROTOTYPE_STRIDE * side for side in logits.shape[1:])
        canvas = jnp.float32([width, height])
        scale = jnp.broadcast_to(window.scale, (2,))
        centers = (memory.boxes[:, :2] + memory.boxes[:, 2:]) / 2
        inside = jnp.all(centers <= window.image_size[::-1] / canvas, axis=-1)
        shown = self.tracker.shown(memory, jnp.sum(logits > 0, axis=(1, 2))) & inside
        boxes = memory.boxes * jnp.tile(canvas / scale, 2)
        ends = jnp.tile(window.image_size[::-1] / scale, 2)
        whole = jnp.concatenate([jnp.zeros(2), canvas / scale])
        return FrameOutput(
            ids=jnp.arange(len(logits), dtype=jnp.int32),
            scores=memory.scores,
            labels=memory.labels,
            boxes=jnp.clip(boxes, 0, ends),
            mask_logits=logits,
            mask_boxes=jnp.broadcast_to(whole, boxes.shape),
            valid=shown,
            overflow=overflow,
        )

    def losses(self, batch: Clips, keys: RowKeys) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses of a batch; the sum of their values is minimised. Nothing is drawn.

        Args:
          batch: B clips of two frames in the order of time.
          keys: not used.

        Returns:
          Losses and metrics by name.
        """
        del keys
        canvas = batch.frames.shape[2:4]
        frames = batch.frames[:, : pairs.FRAMES].reshape(-1, *canvas, 3)
        sizes = jnp.repeat(batch.image_size, pairs.FRAMES, axis=0)
        predicted = self.predict(frames, sizes)
        instances = pairs.frame_instances(batch)
        targets = jax.vmap(
            lambda logits, own: anchor_head.anchor_targets(
                predicted.anchors, logits, own, self.thresholds
            )
        )(predicted.maps.logits, instances)
        boxes = anchor_head.decode_anchors(predicted.anchors, predicted.maps.deltas)
        positives = pairs.positive_anchors(
            targets, min(self.capacity.positives, len(predicted.anchors))
        )
        losses = {
            **learned.anchor_means(
                predicted.maps, boxes, targets, instances, self.anchor_losses, self.pair_losses
            ),
            "mask": learned.mask_mean(
                predicted, boxes, positives, instances, canvas, self.pair_losses
            ),
            "track": learned.track_mean(predicted.maps, positives, instances, self.pair_losses),
            **self._shift_losses(predicted, boxes, positives, instances, canvas),
        }
        count = targets.positive.sum(-1)
        metrics = {
            "positive_anchors": Mean.of(count),
            "lost_positives": Mean.of(count - positives.valid.sum(-1)),
        }
        return losses, metrics

    def _shift_losses(self, predicted, boxes, positives, instances, canvas) -> dict[str, Mean]:
        """Of objects that are moved from the first to the second frame of each clip."""
        first, second = (
            pairs.frames_of((predicted.shift, boxes, positives, instances), number)
            for number in range(pairs.FRAMES)
        )
        maps, boxes, own, reference = first
        slots, shared = pairs.next_slots(own, reference, second[-1])
        joined = self.shift.joined(maps, second[0])
        shifts = self.shift.shifts(joined, own.at(boxes), shared)
        moves = learned.Moves(own, slots, shared, *shifts)
        return learned.shift_means(predicted, moves, instances, canvas, self.pair_losses)

    def initialise(self, frames: jax.Array) -> None:
        """Touches every part once, so that `init` makes all parameters; frames [B, H, W, 3]."""
        predicted = self.predict(frames, jnp.zeros((len(frames), 2)))
        joined = self.shift.joined(predicted.shift, predicted.shift)
        self.shift.shifts(joined, jnp.zeros((len(frames), 1, 4)), jnp.ones((len(frames), 1), bool))
