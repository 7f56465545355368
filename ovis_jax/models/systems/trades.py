"""TraDeS: points stand for objects, and the frame before says where they were and how they looked.

Tracks enter the detector: those of the previous frame draw a heat map, where features of that frame
are moved along and joined with those of the current one.
"""

from __future__ import annotations

from typing import ClassVar

import flax
import jax
import jax.numpy as jnp

from ovis_jax.models.frame_map import FrameMap
from ovis_jax.models.heads import center as center_head
from ovis_jax.models.heads import seg_feature
from ovis_jax.models.matching import pair_matches
from ovis_jax.models.motion import MotionHead, MotionTargets, motion_losses, motion_targets
from ovis_jax.models.oracles import ADAPTIVE_NMS, IMAGE, truth_density
from ovis_jax.models.previous_heat import (
    HeatNoise,
    NoiseDraws,
    annotated_heat,
    box_heat,
    draw_noise,
    pooled_heat,
)
from ovis_jax.models.systems.online import OnlineSystem
from ovis_jax.models.trades_decoding import (
    CenterRule,
    PairPredictions,
    annotated_centers,
    center_detections,
    in_original_frame,
)
from ovis_jax.ops.boxes import INCLUSIVE
from ovis_jax.ops.masks import strided_masks
from ovis_jax.ops.means import Mean
from ovis_jax.ops.normalise import normalise_frames
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.structures import Clips, Features, FrameOutput, Instances, Window
from ovis_jax.tracking.center import CenterDetections
from ovis_jax.tracking.center_memory import ActiveTracks, CenterMemory
from ovis_jax.tracking.centered_masks import paste_centered
from ovis_jax.tracking.paste import MaskRule

STRIDE = center_head.STRIDE


@flax.struct.dataclass
class TraDeSCapacity:
    """Sizes of the padded records between the stages; see `configs.parts.trades`."""

    detections: int


class TraDeS(OnlineSystem):
    """Detects, segments and moves the objects of a frame, and links them to those before.

    Source: Wu et al. 2021, Track to Detect and Segment: An Online Multi-Object Tracker, in its form
    for instance segmentation, and its published code. Frames are centred on their canvas.

    Attributes:
      center: enhanced features to objects.
      seg: enhanced features to those that masks are drawn on.
      motion: features of two frames to enhanced ones.
      noise: how training spoils the heat map of the previous frame.
      capacity: sizes of the padded records.
      score_threshold: detections score more.
      nms_iou: a box is suppressed by a better one, of any class, with a greater IoU.
      heat_score: tracks that score at least this draw the heat map.
      size_weight: of the loss of sizes.
      motion_weight: of the losses of motion.
    """

    center: center_head.CenterHead
    seg: seg_feature.SegFeature
    motion: MotionHead
    noise: HeatNoise
    capacity: TraDeSCapacity
    score_threshold: float = 0.05
    nms_iou: float = 0.7
    heat_score: float = 0.5
    size_weight: float = 0.1
    motion_weight: float = 0.5

    ORACLES: ClassVar[tuple[str, ...]] = (IMAGE, ADAPTIVE_NMS)

    @property
    def mask_rule(self) -> MaskRule:
        """Mask logits of a frame to run lengths: grids over a canvas around the frame."""
        return paste_centered

    @property
    def embedding_size(self) -> int:
        """Numbers of an embedding."""
        return self.motion.channels

    def normalise(self, frames: jax.Array, image_size: jax.Array) -> jax.Array:
        """Frames as the backbone reads them. Black borders belong to them, as published."""
        canvas = jnp.broadcast_to(jnp.array(frames.shape[1:3]), image_size.shape)
        return normalise_frames(frames, canvas, self.pixel_mean, self.pixel_std)

    def encode(self, frames: jax.Array, image_size: jax.Array, training: bool = False) -> jax.Array:
        """Maps frames to features [B, H / 4, W / 4, C], which know no other frame.

        Args:
          frames: [B, H, W, 3] uint8 RGB, on the canvas.
          image_size: [B, 2]; not read.
          training: of the norms; see `BatchNorm`.
        """
        levels = self.backbone(self.normalise(frames, image_size), training)
        return self.neck(levels, training)[0].astype(jnp.float32)

    def predict(
        self, current: jax.Array, previous: jax.Array, heat: jax.Array, training: bool = False
    ) -> PairPredictions:
        """What the heads say of frames.

        Args:
          current: [B, h, w, C] of `encode`.
          previous: likewise, of the frames before.
          heat: [B, H, W], where these have objects, in pixels of the canvas.
          training: of the norms.
        """
        motion = self.motion(current, previous, pooled_heat(heat), training)
        features = self.seg(motion.enhanced, training)
        return PairPredictions(motion, self.center(motion.enhanced), features)

    def losses(self, batch: Clips, keys: RowKeys) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses of a batch; the sum of their values is minimised.

        Args:
          batch: B clips; the second frame is the previous one, later ones are not read.
          keys: of the B rows, for the noise of the heat map.

        Returns:
          Losses and metrics by name.
        """
        count = batch.instances.valid.shape[-1]
        draws = jax.vmap(lambda key: draw_noise(key, count))(keys.each)
        return self.drawn_losses(batch, draws)

    def drawn_losses(
        self, batch: Clips, draws: NoiseDraws, training: bool = True
    ) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses with draws [B, N, ...]; `training` is that of the norms."""
        predicted = self.predict_pairs(batch, draws, training)
        targets, motion = self.targets(batch)
        shape = predicted.features.shape[1:3]
        num_classes = predicted.maps.logits.shape[-1]
        heat = jax.vmap(lambda own: center_head.heat_targets(own, shape, num_classes))(targets)
        losses = {
            "heat": center_head.heat_loss(predicted.maps.logits, heat, targets),
            "offset": center_head.center_loss(predicted.maps.offsets, targets.offsets, targets),
            "size": center_head.center_loss(predicted.maps.sizes, targets.sizes, targets),
            "mask": self._mask_loss(predicted, targets, batch),
        }
        losses["size"] = losses["size"].weighted(self.size_weight)
        moved = motion_losses(predicted.motion.by_row, predicted.motion.by_column, motion)
        for name, loss in zip(("motion_rows", "motion_columns"), moved, strict=True):
            losses[name] = loss.weighted(self.motion_weight)
        metrics = {
            "objects": Mean.of(targets.valid.sum(-1)),
            "moved_objects": Mean.of(motion.valid.sum(-1)),
        }
        return losses, metrics

    def predict_pairs(
        self, batch: Clips, draws: NoiseDraws, training: bool = True
    ) -> PairPredictions:
        """What the heads say of a batch. No gradient passes through the previous frames."""
        current = self.encode(batch.frames[:, 0], batch.image_size, training)
        previous = self.encode(batch.frames[:, 1], batch.image_size, training)
        heat = self.spoilt_heat(batch, draws)
        return self.predict(current, jax.lax.stop_gradient(previous), heat, training)

    def spoilt_heat(self, batch: Clips, draws: NoiseDraws) -> jax.Array:
        """Heat maps [B, H, W] of the annotated objects of the previous frames, with draws."""
        previous, size = batch.instances_of(1), batch.frames.shape[2:4]
        return jax.vmap(lambda *x: annotated_heat(*x, self.noise, size))(
            previous.boxes, previous.valid, draws
        )

    def targets(self, batch: Clips) -> tuple[center_head.CenterTargets, MotionTargets]:
        """Targets [B, N, ...] of the first frames."""
        size = batch.frames.shape[2:4]
        shape = tuple(side // STRIDE for side in size)

        def of_frame(current, previous):
            targets = center_head.center_targets(
                current.boxes, current.labels, current.valid, shape
            )
            boxes = jnp.where(previous.valid[:, None], previous.boxes, 0)
            places, sizes = center_head.clipped_boxes(boxes, size)
            seen = previous.valid & jnp.all(sizes > 0, axis=-1)
            slot = pair_matches(current.replace(valid=targets.valid), previous.replace(valid=seen))
            before = places[jnp.maximum(slot - 1, 0)] / STRIDE
            motion = motion_targets(targets.cells, targets.sizes, before, slot > 0, shape)
            return targets, motion

        return jax.vmap(of_frame)(
            batch.instances_of(0).replace(masks=None), batch.instances_of(1).replace(masks=None)
        )

    def _mask_loss(
        self, predicted: PairPredictions, targets: center_head.CenterTargets, batch: Clips
    ) -> Mean:
        """Of masks that are drawn around the cells that hold the centres."""
        masks = strided_masks(batch.instances_of(0).masks, STRIDE, first=0)
        networks = center_head.at_cells(predicted.maps.networks, targets)
        networks = jnp.where(targets.valid[..., None], networks, 0)

        @jax.checkpoint  # the hidden layers of all masks are large
        def draw(features, networks, cells):
            places = cells.astype(jnp.float32)
            return seg_feature.center_masks(features, networks, places, self.seg.network)

        logits = jax.vmap(draw)(predicted.features, networks, targets.cells)
        return seg_feature.seg_mask_loss(logits, masks, targets.valid)

    def init_memory(self, capacity: int, features: Features) -> CenterMemory:
        """Empty memory for `capacity` identities of one video."""
        del features
        return self.tracker.init_memory(capacity, self.embedding_size, self.capacity.detections)

    def step(self, memory: CenterMemory, window: Window) -> tuple[CenterMemory, FrameOutput]:
        """Detects the objects of a window's query frame and gives them identities.

        Where there is no frame before, the query frame stands for it.
        """
        predicted, frame = self.predict_query(memory, window)
        if self.oracle == IMAGE:
            count = self.capacity.detections
            detections = annotated_centers(predicted, frame, window.truth, count)
        else:
            detections = self.decode(predicted, frame, window.truth)
        return self.tracker.step(memory, detections)

    def predict_query(
        self, memory: CenterMemory, window: Window
    ) -> tuple[PairPredictions, FrameMap]:
        """What the heads say of a window's query frame, [h, w, ...], and how it lies on its map."""
        before, current = window.features[0], window.features[self.window_before]
        previous = jnp.where(window.valid[0], before, current)
        frame = FrameMap.of(current, window)
        heat = self.track_heat(memory.active, frame, current.shape[:2])
        predicted = self.predict(current[None], previous[None], heat[None])
        return jax.tree.map(lambda x: x[0], predicted), frame

    def track_heat(
        self, active: ActiveTracks, frame: FrameMap, shape: tuple[int, int]
    ) -> jax.Array:
        """Heat map [H, W] of the tracks of the previous frame on a canvas for a map (h, w)."""
        boxes = frame.boxes_to_canvas(jnp.where(active.valid[:, None], active.boxes, 0))
        shown = active.valid & (active.scores >= self.heat_score)
        return box_heat(boxes, shown, tuple(STRIDE * side for side in shape))

    def decode(
        self, predicted: PairPredictions, frame: FrameMap, truth: Instances | None = None
    ) -> CenterDetections:
        """Detections [D] of one frame, of what the heads say of it, [h, w, ...].

        With the oracle of adaptive suppression, `truth` says how crowded they stand.
        """
        rule = CenterRule(self.score_threshold, self.nms_iou, self.capacity.detections)
        density = None
        if self.oracle == ADAPTIVE_NMS:
            density = truth_density(in_original_frame(truth, frame), jnp.ones(2), INCLUSIVE)
        return center_detections(predicted, frame, rule, self.seg.network, density)

    def initialise(self, frames: jax.Array) -> None:
        """Touches every part once, so that `init` makes all parameters; frames [B, H, W, 3]."""
        features = self.encode(frames, jnp.zeros((len(frames), 2)))
        self.predict(features, features, jnp.zeros(frames.shape[:3]))
