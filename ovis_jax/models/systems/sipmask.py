"""SipMask for video and, with calibration, CSipMask: a one-stage detector with a tracking map."""

import functools
from collections.abc import Sequence
from typing import ClassVar

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models import references
from ovis_jax.models.heads import fcos as fcos_head
from ovis_jax.models.heads import subregion_mask as mask_head
from ovis_jax.models.heads.track_map import TrackMapHead, embeddings_at
from ovis_jax.models.matching import pair_matches, track_loss, track_targets
from ovis_jax.models.oracles import ADAPTIVE_NMS, IMAGE, truth_density
from ovis_jax.models.sipmask_decoding import best_points, suppress
from ovis_jax.models.sipmask_positives import positive_points
from ovis_jax.models.systems.online import OnlineSystem, Pyramid
from ovis_jax.ops.boxes import EXCLUSIVE, INCLUSIVE, corner_factors
from ovis_jax.ops.masks import halve_masks
from ovis_jax.ops.means import Mean
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.structures import BoxDetections, Clips, Detections, Instances, Window

JITTER = 0.05  # largest shift of a reference box in training, in its own width and height


@flax.struct.dataclass
class SipMaskCapacity:
    """Sizes of the padded records between the stages; see `configs.parts.sipmask`."""

    level_candidates: int
    class_candidates: int
    detections: int
    positives: int


class SipMask(OnlineSystem):
    """Detects, segments and embeds the objects of a frame, and links them by a track memory.

    Masks are drawn on one grid over the whole frame, from basis maps and the coefficients of each
    detection's point. Source: Cao et al. 2020, SipMask, and its published code for video.

    With `calibration` (CSipMask; paper, section 5) every level that the heads read is calibrated
    with a reference frame, and the outputs of several references are averaged. No code of CSipMask
    was published: how it averages and which parts read calibrated maps is this package's reading,
    with `average_scores`, `average_masks`, `track_calibrated` and `basis_calibrated` as choices.

    Attributes:
      fcos: pyramid P3...P7 to classes and boxes of points.
      mask: features to basis maps and mask coefficients.
      track: pyramid to embeddings.
      capacity: sizes of the padded records.
      average_scores: what of classes and centerness is averaged over references, one of `AVERAGES`.
      average_masks: what of masks is averaged, one of `AVERAGES`.
      track_calibrated: embeddings are read from calibrated maps, not from the query's.
      basis_calibrated: basis maps are read from calibrated maps, not from the query's.
      calibration: (query pyramid, reference pyramid) to calibrated pyramid, or None.
    """

    fcos: fcos_head.FCOSHead
    mask: mask_head.SubregionMaskHead
    track: TrackMapHead
    capacity: SipMaskCapacity
    average_scores: str = "logits"
    average_masks: str = "probs"
    track_calibrated: bool = False
    basis_calibrated: bool = True
    calibration: nn.Module | None = None

    ORACLES: ClassVar[tuple[str, ...]] = (IMAGE, ADAPTIVE_NMS)

    def __post_init__(self):
        """Refuses unknown averages."""
        for value in (self.average_scores, self.average_masks):
            if value not in references.AVERAGES:
                raise ValueError(f"average is {value!r}; expected one of {references.AVERAGES}")
        super().__post_init__()

    def calibrate(self, query: Sequence[jax.Array], reference: Sequence[jax.Array]) -> Pyramid:
        """The calibrated levels; see `references.calibrate`."""
        return references.calibrate(self.calibration, query, reference)

    def basis(self, query: Pyramid, maps: fcos_head.FCOSMaps) -> jax.Array:
        """Basis maps [B, H / 2, W / 2, C] of the calibrated maps or of the query pyramid."""
        if self.calibration is not None and not self.basis_calibrated:
            maps = self.fcos(query)
        return self.mask.basis(maps.box_features)

    def losses(self, batch: Clips, keys: RowKeys) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses of a batch; the sum of their values is minimised.

        Args:
          batch: B clips; the second frame is the reference, later ones are not read.
          keys: of the B rows, for the shifts of the reference boxes.

        Returns:
          Losses and metrics by name.
        """
        slots = batch.instances.valid.shape[-1]
        shifts = jax.vmap(
            lambda k: jax.random.uniform(k, (slots, 2), minval=-JITTER, maxval=JITTER)
        )(keys.each)
        return self.shifted_losses(batch, shifts)

    def shifted_losses(
        self, batch: Clips, shifts: jax.Array
    ) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses with reference boxes shifted by [B, N, 2] of their widths and heights."""
        query, reference = self.encode_pairs(batch)
        calibrated = self.calibrate(query, reference)
        maps = self.fcos(calibrated)
        points = self.fcos.points(query)
        instances = _clean(batch.instances_of(0), batch.image_size)
        targets = jax.vmap(
            lambda own: fcos_head.fcos_targets(
                points, own, radius=self.fcos.radius, regress_ranges=self.fcos.regress_ranges
            )
        )(instances)
        points = jnp.concatenate([jnp.asarray(x) for x in points])

        coefficients = self.mask.coefficients(maps.class_features)
        choose = functools.partial(positive_points, capacity=self.capacity.positives)
        positives = jax.vmap(choose, in_axes=(0, 0, None, 0, 0))(
            maps, coefficients, points, targets, instances
        )
        mask = jax.vmap(mask_head.mask_loss)(
            self.basis(query, maps),
            positives.coefficients,
            positives.boxes / mask_head.BASIS_STRIDE,
            halve_masks(instances.masks),
            positives.index,
            positives.weights,
        )
        losses = {
            "class": fcos_head.fcos_class_loss(
                maps.logits, targets, alpha=self.fcos.focal_alpha, gamma=self.fcos.focal_gamma
            ),
            "box": fcos_head.fcos_box_loss(maps.distances, points, targets),
            "centerness": fcos_head.fcos_centerness_loss(maps.centerness, targets),
            "mask": Mean.of(mask),
            "track": self._track_loss(
                self.track(calibrated if self.track_calibrated else query),
                self.track(reference),
                positives,
                (batch.instances_of(0), batch.instances_of(1)),
                shifts,
            ),
        }
        count = targets.positive.sum(-1)
        metrics = {
            "positive_points": Mean.of(count),
            "lost_positives": Mean.of(jnp.maximum(count - self.capacity.positives, 0)),
        }
        return losses, metrics

    def _track_loss(self, query_maps, reference_maps, positives, frames, shifts):
        """Match loss of embeddings at predicted boxes and at shifted reference boxes."""
        query, reference = frames
        valid = reference.valid
        boxes = jnp.where(valid[..., None], reference.boxes, 0)
        shift = shifts * (boxes[..., 2:] - boxes[..., :2])
        boxes = boxes + jnp.concatenate([shift, shift], axis=-1)
        matches = jax.vmap(pair_matches)(query, reference)
        return track_loss(
            jax.vmap(embeddings_at)(query_maps, positives.boxes),
            jax.vmap(embeddings_at)(reference_maps, boxes),
            valid,
            jax.vmap(track_targets)(matches, positives.index, positives.positive),
            positives.positive,
        )

    def detect(self, window: Window) -> Detections:
        """Detections of a window's query frame."""
        center = self.window_before
        query = references.query_features(window, center)
        calibrated, weights = references.calibrate_window(self.calibration, window, center)
        maps = self.fcos(calibrated)
        frame = window.image_size, window.scale, window.truth
        kept = self.decode(maps, weights, *frame)
        resized = jnp.where(kept.valid[:, None], kept.boxes * corner_factors(window.scale), 0)
        masks = self.segment(maps, self.basis(query, maps), kept.source, resized, weights)
        return Detections(
            boxes=kept.boxes,
            scores=kept.scores,
            labels=kept.labels,
            embeddings=self._embed(query, calibrated, weights, resized),
            mask_logits=masks,
            mask_boxes=mask_head.grid_boxes(masks.shape[1:], window.scale, len(masks)),
            valid=kept.valid,
            overflow=kept.overflow,
        )

    def embed_boxes(self, window: Window, boxes: jax.Array) -> jax.Array:
        """Embeddings [N, E] of boxes [N, 4] of the query frame, in resized pixels."""
        query = references.query_features(window, self.window_before)
        around = references.calibrate_window(self.calibration, window, self.window_before)
        return self._embed(query, *around, boxes)

    def _embed(self, query, calibrated, weights, boxes) -> jax.Array:
        track_maps = self.track(calibrated if self.track_calibrated else query)
        weights = weights if self.track_calibrated else jnp.ones(1)
        embeddings = jax.vmap(embeddings_at, in_axes=(0, None))(track_maps, boxes)
        return references.weighted_mean(embeddings, weights)

    def decode(
        self,
        maps: fcos_head.FCOSMaps,
        weights: jax.Array,
        image_size: jax.Array,
        scale: jax.Array,
        truth: Instances | None = None,
    ) -> BoxDetections:
        """Detections [D] of maps [F, ...] of references with weights [F], which are averaged.

        The resized frame has `image_size` [2] and `scale` [2] resized pixels per original pixel;
        `truth` is that of the window, for adaptive suppression.
        """
        density = truth_density(truth, scale, EXCLUSIVE)
        probs = references.mean_probs(maps.logits, weights, self.average_scores)
        centerness = references.mean_probs(maps.centerness, weights, self.average_scores)
        return suppress(
            best_points(
                probs * centerness[:, None],
                references.weighted_mean(maps.distances, weights),
                self.fcos.points(maps.box_features),
                image_size,
                scale,
                self.capacity.level_candidates,
            ),
            score_threshold=self.fcos.score_threshold,
            nms_iou=self.fcos.nms_iou,
            class_candidates=self.capacity.class_candidates,
            capacity=self.capacity.detections,
            density=density,
        )

    def segment(
        self,
        maps: fcos_head.FCOSMaps,
        basis: jax.Array,
        point: jax.Array,
        boxes: jax.Array,
        weights: jax.Array,
    ) -> jax.Array:
        """Mask logits [D, H / 2, W / 2] of points [D] with boxes [D, 4] in resized pixels.

        Every reference has its own maps [F, ...] and basis maps [F, H / 2, W / 2, C]; a basis of
        the query alone, [1, ...], serves all of them.
        """
        coefficients = self.mask.coefficients(maps.class_features)[:, point]
        basis = jnp.broadcast_to(basis, (len(weights), *basis.shape[1:]))
        return mask_head.mean_mask_logits(
            basis,
            coefficients,
            boxes / mask_head.BASIS_STRIDE,
            weights,
            self.average_masks,
        )

    def initialise(self, frames: jax.Array) -> None:
        """Touches every part once, so that `init` makes all parameters; frames [B, H, W, 3]."""
        pyramid = self.encode(frames, jnp.zeros((len(frames), 2)))
        maps = self.fcos(self.calibrate(pyramid, pyramid))
        self.mask.coefficients(maps.class_features)
        self.mask.basis(maps.box_features)
        self.track(pyramid)


def _clean(instances: Instances, image_size: jax.Array) -> Instances:
    """Instances [B, N, ...] with boxes that end inside the frame and nothing in invalid slots."""
    valid = instances.valid
    boxes = jnp.where(valid[..., None], instances.boxes, 0)
    clip = jax.vmap(INCLUSIVE.clip)
    labels = jnp.where(valid, instances.labels, 0)
    return instances.replace(boxes=clip(boxes, image_size), labels=labels)
