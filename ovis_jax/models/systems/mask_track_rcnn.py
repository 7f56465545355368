"""MaskTrack R-CNN and, with calibration, CMaskTrack R-CNN."""

from collections.abc import Sequence
from typing import ClassVar

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.heads import box as box_head
from ovis_jax.models.heads import mask as mask_head
from ovis_jax.models.heads import occluder as occluder_head
from ovis_jax.models.heads import rpn as rpn_head
from ovis_jax.models.heads.track import TrackHead
from ovis_jax.models.mask_groups import grouped_masks, repeated_rois
from ovis_jax.models.matching import pair_matches, track_loss, track_targets
from ovis_jax.models.occlusion_losses import OcclusionLosses, branch_loss, occlusion_losses
from ovis_jax.models.oracles import ADAPTIVE_NMS, IMAGE, truth_density
from ovis_jax.models.references import calibrate, calibrate_window, query_features, weighted_mean
from ovis_jax.models.systems.online import OnlineSystem, Pyramid
from ovis_jax.ops import implementations
from ovis_jax.ops.boxes import INCLUSIVE, BoxConvention, corner_factors
from ovis_jax.ops.means import Mean
from ovis_jax.ops.roi_align import roi_align
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.structures import Clips, Detections, Instances, Proposals, Window

STRIDES = (4, 8, 16, 32, 64)
ROI_LEVELS = 4
BOX_SIZE = 7
MASK_SIZE = 14


@flax.struct.dataclass
class Capacity:
    """Sizes of the padded records between the stages; see `configs.parts.mask_track_rcnn`."""

    level_proposals: int
    proposals: int
    candidates: int
    detections: int


class MaskTrackRCNN(OnlineSystem):
    """Detects, segments and embeds the objects of a frame, and links them by a track memory.

    Proposals and embeddings come from the query pyramid; classes, boxes and masks from pyramids
    calibrated with reference frames, averaged over these before softmax, decoding and sigmoid.
    Without `calibration` every head reads the query pyramid: MaskTrack R-CNN. Source: paper,
    section 4; MaskTrack R-CNN. With `track.calibrated` embeddings read calibrated pyramids, too.

    Attributes:
      rpn: pyramid P2...P6 to objectness and deltas of the anchors.
      box: RoI features to classes and boxes.
      mask: RoI features to masks.
      track: RoI features to embeddings.
      capacity: sizes of the padded records.
      convention: of boxes; the published checkpoints have the inclusive one.
      calibration: (query pyramid, reference pyramid) to calibrated pyramid, or None.
      occluder: RoI features to those that `mask` reads, and to a mask of what covers the object; or
        None.
      occlusion_losses: what is added to the losses.
    """

    rpn: rpn_head.RPNHead
    box: box_head.BoxHead
    mask: mask_head.MaskHead
    track: TrackHead
    capacity: Capacity
    convention: BoxConvention = INCLUSIVE
    calibration: nn.Module | None = None
    occluder: occluder_head.OccluderBranch | None = None
    occlusion_losses: OcclusionLosses = OcclusionLosses()

    ORACLES: ClassVar[tuple[str, ...]] = (IMAGE, ADAPTIVE_NMS)

    def calibrate(self, query: Sequence[jax.Array], reference: Sequence[jax.Array]) -> Pyramid:
        """The levels that RoIs are read from, calibrated; see `references.calibrate`."""
        return calibrate(self.calibration, query[:ROI_LEVELS], reference[:ROI_LEVELS])

    def calibrate_window(self, window: Window) -> tuple[Pyramid, jax.Array]:
        """The same for the references of a window; see `references.calibrate_window`."""
        window = window.replace(features=window.features[:ROI_LEVELS])
        return calibrate_window(self.calibration, window, self.window_before)

    def propose(self, pyramid: Sequence[jax.Array], image_size: jax.Array) -> Proposals:
        """Proposals [B, P, ...] of a pyramid of [B, h, w, C] and image sizes [B, 2]."""
        return self._decode_proposals(*self.rpn(pyramid), pyramid, image_size)

    def classify(self, pyramid: Sequence[jax.Array], rois: jax.Array):
        """Class logits and deltas of RoIs [B, R, 4] on (calibrated) levels [B, h, w, C]."""
        return self.box(self._roi_features(pyramid, rois, BOX_SIZE))

    def segment(self, pyramid: Sequence[jax.Array], rois: jax.Array) -> jax.Array:
        """Mask logits [B, R, 28, 28, K + 1] of RoIs [B, R, 4] on calibrated levels [B, h, w, C]."""
        return self.mask(self.uncover(pyramid, rois)[0])

    def uncover(self, pyramid: Sequence[jax.Array], rois: jax.Array):
        """Features of RoIs [B, R, 4] for the mask head, and logits [B, R, 28, 28] of occluders."""
        features = self._roi_features(pyramid, rois, MASK_SIZE)
        return (features, None) if self.occluder is None else self.occluder(features)

    def embed(self, pyramid: Sequence[jax.Array], rois: jax.Array) -> jax.Array:
        """Embeddings [B, R, E] of RoIs [B, R, 4] on levels [B, h, w, C]; see `TrackHead`."""
        return self.track(self._roi_features(pyramid, rois, BOX_SIZE))

    def embed_boxes(self, window: Window, boxes: jax.Array) -> jax.Array:
        """Embeddings [N, E] of boxes [N, 4] of the query frame, in resized pixels."""
        query = query_features(window, self.window_before)
        return self._embeddings(query, *self.calibrate_window(window), boxes)

    def losses(self, batch: Clips, keys: RowKeys) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses of a batch; the sum of their values is minimised.

        Args:
          batch: B clips; the second frame is the reference, later ones are not read.
          keys: of the B rows, for the sampling of anchors and RoIs.

        Returns:
          Losses and metrics by name.
        """
        return self.pair_losses(batch, keys, *self.encode_pairs(batch))

    def pair_losses(
        self, batch: Clips, keys: RowKeys, query: Pyramid, reference: Pyramid
    ) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """`losses`, given the pyramids of query and reference frames."""
        instances = batch.instances_of(0)
        anchor_keys, roi_keys = keys.split(2)

        logits, deltas = self.rpn(query)
        anchors = jnp.concatenate(self.rpn.anchors(query, STRIDES))
        anchor_targets = jax.vmap(
            lambda k, size, own: rpn_head.rpn_targets(
                k, anchors, size, own, self.rpn.num_samples, convention=self.convention
            )
        )(anchor_keys.each, batch.image_size, instances)
        rpn_class, rpn_box = rpn_head.rpn_loss(logits, deltas, anchor_targets)

        proposals = self._decode_proposals(logits, deltas, query, batch.image_size)
        targets = jax.vmap(
            lambda k, p, own: box_head.box_targets(
                k,
                p,
                own,
                self.box.num_samples,
                self.box.max_positive,
                convention=self.convention,
            )
        )(roi_keys.each, proposals, instances)
        losses, metrics = self.roi_losses(batch, query, reference, targets)
        losses = {"rpn_class": rpn_class, "rpn_box": rpn_box} | losses
        metrics["positive_anchors"] = Mean.of(anchor_targets.positive.sum(-1))
        return losses, metrics

    def roi_losses(
        self,
        batch: Clips,
        query: Sequence[jax.Array],
        reference: Sequence[jax.Array],
        targets: box_head.BoxTargets,
    ) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses of the box, mask and track heads for sampled RoIs [B, R, ...]."""
        instances, others = batch.instances_of(0), batch.instances_of(1)
        calibrated = self.calibrate(query, reference)
        logits, deltas = self.classify(calibrated, targets.boxes)
        box_class, box = box_head.box_loss(logits, deltas, targets)
        # All positives stand in the first slots, so only these reach the mask and track heads.
        positives = jax.tree.map(lambda x: x[:, : self.box.max_positive], targets)
        mask_features, occluder_logits = self.uncover(calibrated, positives.boxes)
        mask_logits = self.mask(mask_features)
        mask_targets = jax.vmap(mask_head.mask_targets, in_axes=(0, 0, 0, None))(
            instances.masks, positives.boxes, positives.index, mask_logits.shape[-2]
        )
        reference_boxes = jnp.where(others.valid[..., None], others.boxes, 0)
        matches, plain = jax.vmap(pair_matches)(instances, others), not self.track.calibrated
        losses = {
            "box_class": box_class,
            "box": box,
            "mask": mask_head.mask_loss(
                mask_logits, mask_targets, positives.classes, positives.positive
            ),
            "track": track_loss(
                self.embed(query if plain else calibrated, positives.boxes),
                self.embed(
                    reference if plain else self.calibrate(reference, query), reference_boxes
                ),
                others.valid,
                jax.vmap(track_targets)(matches, positives.index, positives.positive),
                positives.positive,
            ),
        }
        losses |= occlusion_losses(
            self.occlusion_losses, deltas, targets, instances, self.convention
        )
        if self.occluder is not None:
            losses["occluder"] = branch_loss(occluder_logits, instances, positives)
        correct = (logits.argmax(-1) == targets.classes) & targets.positive
        metrics = {
            "positive_rois": Mean.of(targets.positive.sum(-1)),
            "positive_accuracy": Mean(correct.sum(), targets.positive.sum()),
        }
        return losses, metrics

    def detect(self, window: Window) -> Detections:
        """Detections of a window's query frame."""
        query = query_features(window, self.window_before)
        calibrated, weights = self.calibrate_window(window)
        proposals = jax.tree.map(lambda x: x[0], self.propose(query, window.image_size[None]))
        frame = window.image_size, window.scale, window.truth
        return self.detect_among(proposals, query, calibrated, weights, *frame)

    def detect_among(
        self,
        proposals: Proposals,
        query: Sequence[jax.Array],
        calibrated: Sequence[jax.Array],
        weights: jax.Array,
        image_size: jax.Array,
        scale: jax.Array,
        truth: Instances | None = None,
    ) -> Detections:
        """Detections of a frame among its proposals.

        Args:
          proposals: [P, ...].
          query: levels [1, h, w, C], for the embeddings.
          calibrated: levels [F, h, w, C], one for each reference.
          weights: [F], of the references in all averages.
          image_size: [2], (height, width) of the resized frame without padding.
          scale: [2] or [], resized pixels per original pixel in x and in y, or in both.
          truth: as in `Window`, for adaptive suppression.
        """
        rois = jnp.where(proposals.valid[:, None], proposals.boxes, 0)
        logits, deltas = self.classify(calibrated, repeated_rois(rois, weights))
        kept = box_head.decode_detections(
            weighted_mean(logits, weights),
            weighted_mean(deltas, weights),
            proposals,
            image_size,
            scale,
            limits=box_head.DetectionLimits(
                score_threshold=self.box.score_threshold,
                candidates=self.capacity.candidates,
                detections=self.capacity.detections,
                density=truth_density(truth, scale, self.convention),
            ),
            convention=self.convention,
        )
        rois = jnp.where(kept.valid[:, None], kept.boxes * corner_factors(scale), 0)
        masks = grouped_masks(self, calibrated, rois, kept.labels + 1, weights, kept.valid.sum())
        return Detections(
            boxes=kept.boxes,
            scores=kept.scores,
            labels=kept.labels,
            embeddings=self._embeddings(query, calibrated, weights, rois),
            mask_logits=masks,
            mask_boxes=kept.boxes,
            valid=kept.valid,
            overflow=kept.overflow,
        )

    def initialise(self, frames: jax.Array) -> None:
        """Touches every part once, so that `init` makes all parameters; frames [B, H, W, 3]."""
        pyramid = self.pyramid(frames, jnp.zeros((len(frames), 2)))
        calibrated = self.calibrate(pyramid, pyramid)
        self.rpn(pyramid)
        rois = jnp.zeros((len(frames), 1, 4))
        self.classify(calibrated, rois)
        self.segment(calibrated, rois)
        self.embed(pyramid, rois)

    def _decode_proposals(self, logits, deltas, pyramid, image_size) -> Proposals:
        anchors = self.rpn.anchors(pyramid, STRIDES)
        return jax.vmap(
            lambda logit, delta, size: rpn_head.decode_proposals(
                logit,
                delta,
                anchors,
                size,
                level_capacity=self.capacity.level_proposals,
                capacity=self.capacity.proposals,
                convention=self.convention,
            )
        )(logits, deltas, image_size)

    def _embeddings(self, query, calibrated, weights, rois: jax.Array) -> jax.Array:
        """[R, E] of RoIs [R, 4], from the query or means over what it is calibrated with."""
        if not self.track.calibrated:
            return self.embed(query, rois[None])[0]
        return weighted_mean(self.embed(calibrated, repeated_rois(rois, weights)), weights)

    def _roi_features(self, pyramid, rois: jax.Array, size: int) -> jax.Array:
        """RoIAlign of RoIs [B, R, 4] on levels [B, h, w, C]: [B, R, size, size, C]."""
        levels = implementations.as_computed(pyramid[:ROI_LEVELS], self.box.dtype)
        return jax.vmap(
            lambda p, r: roi_align(p, STRIDES[:ROI_LEVELS], r, size, convention=self.convention)
        )(levels, rois)
