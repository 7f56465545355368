"""CrossVIS and, with calibration, CCrossVIS: points predict boxes, mask networks and embeddings.

In training the mask network of a point must also draw its object in another frame.
"""

import math
from typing import ClassVar

import flax
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from ovis_jax.models import crossvis_pairs as pairs
from ovis_jax.models import references
from ovis_jax.models.crossvis_decoding import (
    in_original_frame,
    point_candidates,
    points_of_boxes,
    suppress,
    to_original,
)
from ovis_jax.models.heads import dynamic_mask as mask_head
from ovis_jax.models.heads import fcos as fcos_head
from ovis_jax.models.heads import reid as reid_head
from ovis_jax.models.oracles import ADAPTIVE_NMS, IMAGE, truth_density
from ovis_jax.models.systems.online import OnlineSystem, Pyramid
from ovis_jax.ops.boxes import EXCLUSIVE
from ovis_jax.ops.masks import mask_centroids
from ovis_jax.ops.means import Mean
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.structures import BoxDetections, Clips, Detections, Instances, Window
from ovis_jax.tracking.aligned_masks import paste_aligned
from ovis_jax.tracking.paste import MaskRule

POSITIVE_LEVELS = 2  # at most, of one object: the ranges of levels double from one to the next


@flax.struct.dataclass
class CrossVISCapacity:
    """Sizes of the padded records between the stages; see `configs.parts.crossvis`."""

    level_candidates: int
    candidates: int
    detections: int


class CrossVIS(OnlineSystem):
    """Detects, segments and embeds the objects of a frame, and links them by a track memory.

    Source: Yang et al. 2021, Crossover Learning for Fast Online Video Instance Segmentation, and
    its published code.

    With `calibration` (CCrossVIS, this package's own) every level that classes, boxes and masks are
    read from is calibrated with a reference frame, and outputs of several references are averaged:
    logits of classes and centerness, distances, probabilities of masks. Embeddings are read from
    the query alone.

    Attributes:
      fcos: pyramid P3...P7 to classes and boxes of points.
      mask: to the networks of points and the features that these draw on.
      reid: pyramid to embeddings of points.
      identity: the classifier of embeddings; only training needs it.
      capacity: sizes of the padded records.
      crossover: whether training draws masks in the other frame, too.
      pyramid_rate: factor on the gradient of everything below the heads.
      calibration: (query pyramid, reference pyramid) to calibrated pyramid, or None.
    """

    fcos: fcos_head.FCOSHead
    mask: mask_head.DynamicMaskHead
    reid: reid_head.ReidHead
    identity: reid_head.IdentityClassifier
    capacity: CrossVISCapacity
    crossover: bool = True
    pyramid_rate: float = 0.1
    calibration: nn.Module | None = None

    MASK_FRAMES = 2
    ORACLES: ClassVar[tuple[str, ...]] = (IMAGE, ADAPTIVE_NMS)

    @property
    def mask_rule(self) -> MaskRule:
        """Mask logits of a frame to run lengths: grids over the whole canvas."""
        return paste_aligned

    @property
    def embedding_size(self) -> int:
        """Numbers of an embedding of `detect`."""
        return self.reid.channels

    def calibrate(self, query: Pyramid, reference: Pyramid) -> Pyramid:
        """The calibrated levels; see `references.calibrate`."""
        return references.calibrate(self.calibration, query, reference)

    def grid(self, maps: fcos_head.FCOSMaps) -> pairs.PointGrid:
        """The points of all levels."""
        levels = self.fcos.points(maps.box_features)
        strides = np.repeat(np.float32(fcos_head.STRIDES), [len(x) for x in levels])
        return pairs.PointGrid(jnp.asarray(np.concatenate(levels)), jnp.asarray(strides))

    def losses(self, batch: Clips, keys: RowKeys) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses of a batch; the sum of their values is minimised.

        Args:
          batch: B clips; the second frame is the reference, later ones are not read.
          keys: of the B rows, for the places of masks in the other frame.

        Returns:
          Losses and metrics by name.
        """
        slots = self.num_positives(batch)
        draws = jax.vmap(lambda k: jax.random.bits(k, (2, slots)))(keys.each)
        return self.drawn_losses(batch, draws)

    def drawn_losses(
        self, batch: Clips, draws: jax.Array
    ) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses with draws [B, 2, P] of places in the other frame; see `pairs.find_partners`."""
        predicted = self.predict_pairs(batch)
        instances = pairs.pair_instances(batch)
        grid, targets = self.grid(predicted.maps), self.targets(predicted.maps, instances)
        positives = pairs.positive_points(targets, self.num_positives(batch))
        partners, shared = pairs.find_partners(positives, instances, draws)
        own = pairs.mask_items(predicted, positives, grid)
        items = {"mask": (own, positives.valid)}
        if self.crossover:
            items["crossover"] = (pairs.crossover_items(own, partners), shared)
        focal = (self.fcos.focal_alpha, self.fcos.focal_gamma)
        losses = {
            **pairs.point_means(predicted.maps, targets, grid, focal),
            **pairs.mask_means(items, predicted, instances, self.mask.network),
            "identity": self._identity_loss(predicted.embeddings, positives, instances),
        }
        count = targets.positive.sum(-1)
        metrics = {
            "positive_points": Mean.of(count),
            "shared_points": Mean.of(shared.sum(-1)),
            "lost_positives": Mean.of(count - positives.valid.sum(-1)),
        }
        return losses, metrics

    def predict_pairs(self, batch: Clips) -> pairs.PairPredictions:
        """What the heads say of both frames; each has batch statistics of its own."""
        frames = pairs.slowed(self.encode_pairs(batch), self.pyramid_rate)
        pyramid = jax.tree.map(lambda *x: jnp.concatenate(x), *frames)
        calibrated = self.calibrate(pyramid, pairs.swap_frames(pyramid))
        maps = self.fcos(calibrated)
        split = zip(*(jnp.split(x, len(frames)) for x in calibrated), strict=True)
        return pairs.PairPredictions(
            maps=maps,
            networks=self.mask.networks(maps.box_features),
            features=jnp.concatenate([self.mask.features(x, True) for x in split]),
            embeddings=self.reid.train(frames),
        )

    def targets(self, maps: fcos_head.FCOSMaps, instances: Instances) -> fcos_head.FCOSTargets:
        """Targets [2B, A, ...] of instances [2B, N, ...], around the centroids of their masks."""
        points = self.fcos.points(maps.box_features)
        centroids, _ = mask_centroids(instances.masks)

        def of_frame(own, centers):
            return fcos_head.fcos_targets(
                points,
                own,
                radius=self.fcos.radius,
                regress_ranges=self.fcos.regress_ranges,
                centers=centers,
                convention=EXCLUSIVE,
            )

        return jax.vmap(of_frame)(instances, centroids)

    def num_positives(self, batch: Clips) -> int:
        """P, slots for the positive points of a frame: as many as its objects can have."""
        on_level = math.ceil(2 * self.fcos.radius) ** 2  # in an open square of so many strides
        return POSITIVE_LEVELS * on_level * batch.instances.valid.shape[-1]

    def _identity_loss(self, embeddings, positives, instances) -> Mean:
        """Of the embeddings [2B, A, E] at the positive points of both frames."""
        own = jnp.take_along_axis(embeddings, positives.point[..., None], axis=1)
        identities = jnp.take_along_axis(instances.identities, positives.index, axis=1)
        return reid_head.identity_loss(
            own.reshape(-1, own.shape[-1]),
            self.identity(self.embedding_size),
            identities.reshape(-1),
            positives.valid.reshape(-1),
            alpha=self.fcos.focal_alpha,
            gamma=self.fcos.focal_gamma,
        )

    def detect(self, window: Window) -> Detections:
        """Detections of a window's query frame."""
        center = self.window_before
        query = references.query_features(window, center)
        calibrated, weights = references.calibrate_window(self.calibration, window, center)
        maps = self.fcos(calibrated)
        frame = window.image_size, window.scale, window.truth
        kept = self.decode(maps, weights, *frame)
        masks = self.segment(maps, self.mask.features(calibrated, False), kept.source, weights)
        canvas = mask_head.MASK_STRIDE * jnp.array([[0, 0, masks.shape[2], masks.shape[1]]])
        canvas, _ = to_original(canvas, window.image_size, window.scale)
        return Detections(
            boxes=kept.boxes,
            scores=kept.scores,
            labels=kept.labels,
            embeddings=self.reid(query)[0, kept.source],
            mask_logits=masks,
            mask_boxes=jnp.broadcast_to(canvas, kept.boxes.shape),
            valid=kept.valid,
            overflow=kept.overflow,
        )

    def embed_boxes(self, window: Window, boxes: jax.Array) -> jax.Array:
        """Embeddings [N, E] of boxes [N, 4] of the query frame, in resized pixels.

        Training teaches several points of an object; this is the one nearest to the box's centre.
        """
        query = references.query_features(window, self.window_before)
        points = self.fcos.points(query)
        return self.reid(query)[0, points_of_boxes(boxes, points, self.fcos.regress_ranges)]

    def decode(
        self,
        maps: fcos_head.FCOSMaps,
        weights: jax.Array,
        image_size: jax.Array,
        scale: jax.Array,
        truth: Instances | None = None,
    ) -> BoxDetections:
        """Detections [D] of maps [F, ...] of references with weights [F], which are averaged.

        The resized frame has `image_size` [2] and `scale` resized pixels per original pixel;
        `truth` is that of the window, for adaptive suppression.
        """
        probs = references.mean_probs(maps.logits, weights, "logits")
        centerness = references.mean_probs(maps.centerness, weights, "logits")
        candidates = point_candidates(
            probs * centerness[:, None],
            references.weighted_mean(maps.distances, weights),
            self.fcos.points(maps.box_features),
            threshold=self.fcos.score_threshold,
            level_candidates=self.capacity.level_candidates,
            capacity=self.capacity.candidates,
        )
        survivors = suppress(
            candidates,
            nms_iou=self.fcos.nms_iou,
            capacity=self.capacity.detections,
            density=truth_density(truth, jnp.ones(2), EXCLUSIVE),  # before boxes are scaled
        )
        return in_original_frame(survivors, image_size, scale)

    def segment(
        self,
        maps: fcos_head.FCOSMaps,
        features: jax.Array,
        point: jax.Array,
        weights: jax.Array,
    ) -> jax.Array:
        """Mask logits [D, H / 4, W / 4] of points [D].

        Maps [F, ...] and features [F, H / 8, W / 8, C] are those of references with weights [F].
        """
        grid, networks = self.grid(maps), self.mask.networks(maps.box_features)[:, point]
        places, scales = grid.places[point], grid.scales[point]

        def draw(own_features, own_networks):
            return mask_head.mask_logits(
                own_features, own_networks, places, scales, self.mask.network
            )

        return references.mean_masks(draw, (features, networks), weights)

    def initialise(self, frames: jax.Array) -> None:
        """Touches every part once, so that `init` makes all parameters; frames [B, H, W, 3]."""
        pyramid = self.encode(frames, jnp.zeros((len(frames), 2)))
        calibrated = self.calibrate(pyramid, pyramid)
        self.mask.networks(self.fcos(calibrated).box_features)
        self.mask.features(calibrated, False)
        self.reid(pyramid)
        self.identity(self.embedding_size)
