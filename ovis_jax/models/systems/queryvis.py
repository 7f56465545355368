"""QueryVIS: learned queries are refined to objects stage by stage, and linked frame by frame."""

from collections.abc import Sequence
from typing import ClassVar

import flax
import jax
import jax.numpy as jnp

from ovis_jax.models import queryvis_objects as objects
from ovis_jax.models.first_items import map_first
from ovis_jax.models.heads import query as query_head
from ovis_jax.models.heads import query_mask as mask_head
from ovis_jax.models.heads.query_track import QueryTrackHead
from ovis_jax.models.matching import pair_matches, track_loss, track_targets
from ovis_jax.models.oracles import IMAGE
from ovis_jax.models.systems.online import OnlineSystem, Pyramid
from ovis_jax.ops import implementations
from ovis_jax.ops.boxes import EXCLUSIVE
from ovis_jax.ops.masks import select_class
from ovis_jax.ops.means import Mean
from ovis_jax.ops.roi_align import roi_align
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.structures import Clips, Detections, Instances, Window
from ovis_jax.tracking.box_grid_masks import paste_box_grids
from ovis_jax.tracking.paste import MaskRule

STRIDES = (4, 8, 16, 32)
BOX_SIZE = 7
MASK_SIZE = 14
MASK_GROUP = 16  # detections whose masks are computed together


@flax.struct.dataclass
class QueryVISCapacity:
    """Sizes of the padded records between the stages; see `configs.parts.queryvis`."""

    detections: int


@flax.struct.dataclass
class QueryFeatures:
    """What prediction reads of a frame.

    Attributes:
      pyramid: P2...P5, each [B, h, w, C].
      queries: of the last stage, [B, Q, ...].
    """

    pyramid: Pyramid
    queries: query_head.QueryOutputs


class QueryVIS(OnlineSystem):
    """Detects, segments and embeds the objects of a frame, and links them by a track memory.

    No detection is suppressed: in training each object has one query, and all others have none.

    Source: Fang et al. 2021, Instances as Queries, and its published code for images. Its tracking
    was never published: docs/queryvis.md says which reading this is.

    Attributes:
      queries: boxes and features that every frame starts from.
      stages: refine them, one after the other.
      masks: of the queries of each stage; prediction reads the last one.
      track: queries and RoI features to embeddings.
      capacity: sizes of the padded records.
      weights: of the losses, and of the costs in the assignment.
      score_threshold: a detection has at least this score.
      single_label: a query has its best class alone; else a detection is any pair of query and
        class, as in the published image model.
    """

    queries: query_head.LearnedQueries
    stages: tuple[query_head.QueryStage, ...]
    masks: tuple[mask_head.QueryMaskHead, ...]
    track: QueryTrackHead
    capacity: QueryVISCapacity
    weights: query_head.QueryWeights
    score_threshold: float = 0.1
    single_label: bool = True

    ORACLES: ClassVar[tuple[str, ...]] = (IMAGE,)

    @property
    def mask_rule(self) -> MaskRule:
        """Mask logits of a frame to run lengths: grids over boxes with continuous corners."""
        return paste_box_grids

    def encode(self, frames: jax.Array, image_size: jax.Array) -> QueryFeatures:
        """Maps frames to pyramids and the queries of the last stage.

        Args:
          frames: [B, H, W, 3] uint8 RGB, on the padded canvas.
          image_size: [B, 2], (height, width) of the frames without padding.
        """
        pyramid = self.pyramid(frames, image_size)[: len(STRIDES)]
        return QueryFeatures(pyramid, self.refine(pyramid, image_size)[-1])

    def refine(
        self, pyramid: Pyramid, image_size: jax.Array
    ) -> tuple[query_head.QueryOutputs, ...]:
        """Outputs [B, Q, ...] of every stage; no gradient passes from boxes to the next stage."""
        boxes, features = self.queries(image_size)
        found = []
        for stage in self.stages:
            outputs = stage(features, boxes, self._roi_features(pyramid, boxes, BOX_SIZE))
            boxes, features = jax.lax.stop_gradient(outputs.boxes), outputs.features
            found.append(outputs)
        return tuple(found)

    def losses(self, batch: Clips, keys: RowKeys) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses of a batch; the sum of their values is minimised.

        Args:
          batch: B clips; the second frame is the reference, later ones are not read.
          keys: nothing is drawn.

        Returns:
          Losses and metrics by name.
        """
        del keys
        query, reference = self.encode_pairs(batch)
        instances, others = (objects.cleaned(batch.instances_of(frame)) for frame in range(2))
        found = self.image_losses(query, instances, batch.image_size)
        own, positive = found.items[-1], found.targets.positive[-1]
        count = positive.sum()
        losses = {name: Mean(total.sum(), count) for name, total in found.sums.items()}
        rival, others = self.reference_embeddings(reference, others, batch.image_size)
        matches = jax.vmap(pair_matches)(instances, others)
        index = jnp.arange(matches.shape[-1])
        losses["track"] = track_loss(
            self.embed(query, own.boxes, own),
            rival,
            others.valid,
            jax.vmap(track_targets, in_axes=(0, None, 0))(matches, index, positive),
            positive,
        )
        correct = (own.logits.argmax(-1) == instances.labels) & positive
        metrics = {
            "positive_queries": Mean.of(positive.sum(-1)),
            "positive_accuracy": Mean(correct.sum(), count),
            "objects_without_query": Mean.of((instances.valid & ~positive).sum(-1)),
        }
        return losses, metrics

    def image_losses(
        self, pyramid: Pyramid, instances: Instances, image_size: jax.Array
    ) -> objects.ImageLosses:
        """Losses of single frames, of the published image model.

        Args:
          pyramid: of B frames.
          instances: [B, N, ...], with masks; zeros in invalid slots.
          image_size: [B, 2], (height, width) of the frames without padding.
        """
        outputs = self.refine(pyramid, image_size)
        targets = self.assign(outputs, instances, image_size)
        items = objects.queries_of_objects(outputs, targets)
        masks = self.training_masks(pyramid, items, targets.positive)
        known = targets, instances, image_size
        mask = self.weights.mask * objects.mask_sums(masks, items, *known)
        return objects.ImageLosses(
            sums=objects.box_sums(outputs, *known, self.weights) | {"mask": mask},
            targets=targets,
            items=items,
            masks=masks,
        )

    def assign(
        self,
        outputs: Sequence[query_head.QueryOutputs],
        instances: Instances,
        image_size: jax.Array,
    ) -> query_head.QueryTargets:
        """Targets [S, B, N] of S stages for instances [B, N, ...]."""
        return objects.assign_stages(outputs, instances, image_size, self.weights)

    def training_masks(
        self, pyramid: Pyramid, items: Sequence[query_head.QueryOutputs], positive: jax.Array
    ) -> tuple[jax.Array, ...]:
        """Mask logits [B, N, M, M, K] of every stage, with the statistics of the batch.

        Args:
          pyramid: of B frames.
          items: of each stage, the queries [B, N, ...] of the objects.
          positive: [S, B, N] bool, the objects that have a query.
        """
        return tuple(
            head(own.attended, self._roi_features(pyramid, own.boxes, MASK_SIZE), exists)
            for head, own, exists in zip(self.masks, items, positive, strict=True)
        )

    def reference_embeddings(
        self, pyramid: Pyramid, instances: Instances, image_size: jax.Array
    ) -> tuple[jax.Array, Instances]:
        """Embeddings [B, N, E] of the objects of the reference frame, and those that have one.

        They are read at annotated boxes or, if it takes a query, from the query that the object is
        assigned to in the last stage.
        """
        if not self.track.reads_queries:
            rois = self._roi_features(pyramid, instances.boxes, BOX_SIZE)
            return self.track(rois, None, None), instances
        outputs = self.refine(pyramid, image_size)[-1:]
        targets = self.assign(outputs, instances, image_size)
        (own,) = objects.queries_of_objects(outputs, targets)
        return self.embed(pyramid, own.boxes, own), instances.replace(valid=targets.positive[0])

    def detect(self, window: Window) -> Detections:
        """Detections of a window's query frame."""
        frame = jax.tree.map(lambda x: x[self.window_before][None], window.features)
        kept = query_head.decode_queries(
            frame.queries.logits[0],
            frame.queries.boxes[0],
            window.scale,
            score_threshold=self.score_threshold,
            capacity=self.capacity.detections,
            single_label=self.single_label,
        )
        own = jax.tree.map(lambda x: x[:, kept.source], frame.queries)
        return Detections(
            boxes=kept.boxes,
            scores=kept.scores,
            labels=kept.labels,
            embeddings=self.embed(frame.pyramid, own.boxes, own)[0],
            mask_logits=self._masks(frame.pyramid, own, kept.labels, kept.valid.sum()),
            mask_boxes=kept.boxes,
            valid=kept.valid,
            overflow=kept.overflow,
        )

    def segment(self, pyramid: Pyramid, queries: query_head.QueryOutputs) -> jax.Array:
        """Mask logits [B, R, 28, 28, K] of queries [B, R, ...] of the last stage."""
        rois = self._roi_features(pyramid, queries.boxes, MASK_SIZE)
        return self.masks[-1](queries.attended, rois)

    def _masks(
        self,
        pyramid: Pyramid,
        queries: query_head.QueryOutputs,
        labels: jax.Array,
        count: jax.Array,
    ) -> jax.Array:
        """Mask logits [D, 28, 28] of the first `count` queries [1, D, ...] and their labels [D].

        Group by group, as masks are half of all work and few frames have as many objects as fit.
        """

        def segment(system, items):
            own, label = items
            found = system.segment(pyramid, jax.tree.map(lambda x: x[None], own))[0]
            return select_class(found, label)

        items = jax.tree.map(lambda x: x[0], queries), labels
        shape = (2 * MASK_SIZE,) * 2
        return map_first(segment, self, items, count, size=MASK_GROUP, shape=shape)

    def embed(
        self, pyramid: Pyramid, boxes: jax.Array, queries: query_head.QueryOutputs
    ) -> jax.Array:
        """Embeddings [B, R, E] of boxes [B, R, 4] with their queries of the last stage."""
        rois = self._roi_features(pyramid, boxes, BOX_SIZE)
        return self.track(rois, queries.features, queries.attended)

    def embed_boxes(self, window: Window, boxes: jax.Array) -> jax.Array:
        """Embeddings [N, E] of boxes [N, 4] of the query frame, in resized pixels.

        Where they take a query, it is the one whose final box overlaps most.
        """
        frame = jax.tree.map(lambda x: x[self.window_before][None], window.features)
        nearest = EXCLUSIVE.iou(boxes, frame.queries.boxes[0]).argmax(-1)
        own = jax.tree.map(lambda x: x[:, nearest], frame.queries)
        return self.embed(frame.pyramid, boxes[None], own)[0]

    def initialise(self, frames: jax.Array) -> None:
        """Touches every part once, so that `init` makes all parameters; frames [B, H, W, 3]."""
        sizes = jnp.tile(jnp.asarray(frames.shape[1:3]), (len(frames), 1))
        pyramid = self.pyramid(frames, sizes)
        for outputs, head in zip(self.refine(pyramid, sizes), self.masks, strict=True):
            head(outputs.attended, self._roi_features(pyramid, outputs.boxes, MASK_SIZE))
        self.embed(pyramid, outputs.boxes, outputs)

    def _roi_features(self, pyramid: Pyramid, rois: jax.Array, size: int) -> jax.Array:
        """RoIAlign of RoIs [B, R, 4] on levels [B, h, w, C]: [B, R, size, size, C]."""
        levels = implementations.as_computed(pyramid[: len(STRIDES)], self.stages[0].dtype)
        return jax.vmap(lambda p, r: roi_align(p, STRIDES, r, size, convention=EXCLUSIVE))(
            levels, rois
        )
