"""MaskTrack R-CNN and, with calibration, CMaskTrack R-CNN."""

from collections.abc import Sequence
from typing import ClassVar

import flax
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from ovis_jax.models.heads import box as box_head
from ovis_jax.models.heads import mask as mask_head
from ovis_jax.models.heads import occluder as occluder_head
from ovis_jax.models.heads import occlusion_level as level_head
from ovis_jax.models.heads import rpn as rpn_head
from ovis_jax.models.heads.track import TrackHead
from ovis_jax.models.mask_groups import grouped_masks, repeated_rois
from ovis_jax.models.occlusion_losses import OcclusionLosses
from ovis_jax.models.oracles import ADAPTIVE_NMS, IMAGE, truth_density
from ovis_jax.models.proposal_decoding import decode_proposals
from ovis_jax.models.references import (
    calibrate,
    calibrate_window,
    query_features,
    weighted_mean,
    window_references,
)
from ovis_jax.models.roi_losses import roi_losses
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
      occlusion_level: RoI features, not calibrated, to the occlusion level of objects; or None.
      class_scores: detections hold the probabilities of all classes, for a track rule.
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
    occlusion_level: level_head.OcclusionLevelHead | None = None
    class_scores: bool = False

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
        return self.box(self.box_features(pyramid, rois))

    def box_features(self, pyramid: Sequence[jax.Array], rois: jax.Array) -> jax.Array:
        """What the box head reads: [B, R, 7, 7, C] of RoIs [B, R, 4] on levels [B, h, w, C]."""
        return self._roi_features(pyramid, rois, BOX_SIZE)

    def segment(self, pyramid: Sequence[jax.Array], rois: jax.Array) -> jax.Array:
        """Mask logits [B, R, 28, 28, K + 1] of RoIs [B, R, 4] on calibrated levels [B, h, w, C]."""
        return self.mask(self.uncover(pyramid, rois)[0])

    def uncover(self, pyramid: Sequence[jax.Array], rois: jax.Array):
        """Features of RoIs [B, R, 4] for the mask head, and logits [B, R, 28, 28] of occluders."""
        features = self._roi_features(pyramid, rois, MASK_SIZE)
        return (features, None) if self.occluder is None else self.occluder(features)

    def occlusion_levels(self, pyramid: Sequence[jax.Array], rois: jax.Array) -> jax.Array:
        """Logits [B, R, 3] of the occlusion levels of RoIs [B, R, 4] on levels [B, h, w, C]."""
        return self.occlusion_level(self._roi_features(pyramid, rois, BOX_SIZE))

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

        features = self.rpn.features(query)
        anchors = np.concatenate(self.rpn.anchors(query, STRIDES))
        anchor_targets = self.rpn.targets(
            anchor_keys, anchors, batch.image_size, instances, self.convention
        )
        rpn_class, rpn_box = rpn_head.rpn_loss(
            *self.rpn.predict_at(features, anchor_targets.index), anchor_targets
        )

        proposals = self._decode_proposals(*self.rpn.predict(features), query, batch.image_size)
        targets = self.box.targets(roi_keys, proposals, instances, self.convention)
        losses, metrics = self.roi_losses(batch, query, reference, targets)
        losses = {"rpn_class": rpn_class, "rpn_box": rpn_box} | losses
        metrics["positive_anchors"] = Mean.of(anchor_targets.positive.sum(-1))
        return losses, metrics

    def roi_losses(
        self, batch: Clips, query: Pyramid, reference: Pyramid, targets: box_head.BoxTargets
    ) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses of the heads that read sampled RoIs [B, R, ...]; see `models.roi_losses`."""
        return roi_losses(self, batch, query, reference, targets)

    def detect(self, window: Window) -> Detections:
        """Detections of a window's query frame."""
        query = query_features(window, self.window_before)
        calibrated, weights = self.calibrate_window(window)
        proposals = jax.tree.map(lambda x: x[0], self.propose(query, window.image_size[None]))
        frame = window.image_size, window.scale, window.truth, self._references(window)
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
        references: Pyramid | None = None,
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
          references: levels [F, h, w, C] of the references as they are; if given, each weighs less
            for an object that is hidden there.
        """
        rois = jnp.where(proposals.valid[:, None], proposals.boxes, 0)
        logits, deltas = self.classify(calibrated, repeated_rois(rois, weights))
        own = self._weights_of(rois, weights, references)
        mean_logits = weighted_mean(logits, own)
        kept = box_head.decode_detections(
            mean_logits,
            weighted_mean(deltas, own),
            proposals,
            image_size,
            scale,
            limits=box_head.DetectionLimits(
                score_threshold=self.box.score_threshold,
                candidates=self.capacity.candidates,
                detections=self.capacity.detections,
                density=truth_density(truth, scale, self.convention),
                across_classes=self.box.nms_across_classes,
            ),
            convention=self.convention,
        )
        rois = jnp.where(kept.valid[:, None], kept.boxes * corner_factors(scale), 0)
        own = self._weights_of(rois, weights, references)
        masks = grouped_masks(self, calibrated, rois, kept.labels + 1, own, kept.valid.sum())
        scores, classes = kept.scores, None
        if self.class_scores:
            classes = jax.nn.softmax(mean_logits)[kept.source, 1:]
        if self.occlusion_level is not None and self.occlusion_level.rescores:
            scores = self.occlusion_level.rescored(
                scores, self.occlusion_levels(query, rois[None])[0]
            )
        return Detections(
            boxes=kept.boxes,
            scores=scores,
            labels=kept.labels,
            embeddings=self._embeddings(query, calibrated, weights, rois),
            mask_logits=masks,
            mask_boxes=kept.boxes,
            valid=kept.valid,
            overflow=kept.overflow,
            class_scores=classes,
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
        if self.occlusion_level is not None:
            self.occlusion_levels(pyramid, rois)

    def _decode_proposals(self, logits, deltas, pyramid, image_size) -> Proposals:
        anchors = self.rpn.anchors(pyramid, STRIDES)
        return jax.vmap(
            lambda logit, delta, size: decode_proposals(
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

    def _references(self, window: Window) -> Pyramid | None:
        """Levels [F, h, w, C] of the references, if occlusion there says what each weighs."""
        if self.occlusion_level is None or not self.occlusion_level.reference_sharpness:
            return None
        window = window.replace(features=window.features[:ROI_LEVELS])
        return window_references(window, self.window_before)[0]

    def _weights_of(self, rois, weights, references: Pyramid | None) -> jax.Array:
        """Weights of the references: [F], or [F, R] for RoIs [R, 4]."""
        if references is None:
            return weights
        logits = self.occlusion_levels(references, repeated_rois(rois, weights))
        return self.occlusion_level.reference_weights(logits, weights)

    def _roi_features(self, pyramid, rois: jax.Array, size: int) -> jax.Array:
        """RoIAlign of RoIs [B, R, 4] on levels [B, h, w, C]: [B, R, size, size, C]."""
        levels = implementations.as_computed(pyramid[:ROI_LEVELS], self.box.dtype)
        return jax.vmap(
            lambda p, r: roi_align(p, STRIDES[:ROI_LEVELS], r, size, convention=self.convention)
        )(levels, rois)
