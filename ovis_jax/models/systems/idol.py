"""IDOL: queries of single frames whose embeddings learn, by contrast, to be told apart in time."""

from __future__ import annotations

from typing import ClassVar

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models import instance_losses as learning
from ovis_jax.models.deformable_transformer import DecodedQueries, DeformableTransformer
from ovis_jax.models.first_items import map_first
from ovis_jax.models.heads.dynamic_mask import mask_logits
from ovis_jax.models.heads.fused_mask import FusedMaskBranch
from ovis_jax.models.heads.instance import InstanceHead
from ovis_jax.models.instance_decoding import Selection, drop_duplicates, select_queries
from ovis_jax.models.oracles import IMAGE
from ovis_jax.models.systems.online import OnlineSystem
from ovis_jax.ops.boxes import corner_factors
from ovis_jax.ops.means import Mean
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.ops.sim_ota import QueryBoxes
from ovis_jax.structures import Clips, Detections, Window
from ovis_jax.tracking.nearest_masks import paste_nearest
from ovis_jax.tracking.paste import MaskRule
from ovis_jax.tracking.rules import Track, TrackRule, mean_classes_above
from ovis_jax.tracking.short_tracks import in_every_frame
from ovis_jax.tracking.tracker import Memory

MASK_STRIDE = 4  # pixels from cell to cell of masks
MASK_GROUP = 16  # detections whose masks are computed together


@flax.struct.dataclass
class IDOLCapacity:
    """Sizes of the padded records between the stages; see `configs.parts.idol`."""

    detections: int


@flax.struct.dataclass
class InstanceQueries:
    """What prediction reads of a frame.

    Attributes:
      logits: [B, Q, K], of the last layer.
      boxes: [B, Q, 4] as (x, y, width, height), shares of the frame.
      places: [B, Q, 2] as (x, y), that masks are relative to, shares of the frame.
      networks: [B, Q, P], that draw the masks.
      embeddings: [B, Q, E].
      mask_features: [B, h, w, F], that they draw on.
    """

    logits: jax.Array
    boxes: jax.Array
    places: jax.Array
    networks: jax.Array
    embeddings: jax.Array
    mask_features: jax.Array


class IDOL(OnlineSystem):
    """Detects, segments and embeds the objects of a frame by queries, and links their embeddings.

    Everything up to the queries runs in `encode`, where frames are batched. Source: Wu et al. 2022,
    In Defense of Online Models for Video Instance Segmentation, and its published code.

    Attributes:
      transformer: levels of the neck to queries with boxes.
      head: what queries say of their objects.
      masks: levels of the encoder to features that masks are drawn on.
      capacity: sizes of the padded records.
      criterion: what counts how much in training.
      selection: what becomes a detection.
      class_threshold: mean score of a class over the frames of a track, above which the track has a
        record of that class.
      zero_masks: as in the published results, a track has an empty mask where it is absent, not
        none.
    """

    transformer: DeformableTransformer
    head: InstanceHead
    masks: FusedMaskBranch
    capacity: IDOLCapacity
    criterion: learning.InstanceLosses = learning.InstanceLosses()
    selection: Selection = Selection()
    class_threshold: float = 0.05
    zero_masks: bool = False

    ORACLES: ClassVar[tuple[str, ...]] = (IMAGE,)

    @property
    def mask_rule(self) -> MaskRule:
        """Mask logits of a frame to run lengths: grids over the whole canvas."""
        return paste_nearest

    @property
    def track_rule(self) -> TrackRule:
        """A record for each class that a track has shown."""
        return mean_classes_above(self.class_threshold)

    @property
    def embedding_size(self) -> int:
        """Numbers of an embedding of `detect`."""
        return self.head.channels

    def decode(
        self, frames: jax.Array, image_size: jax.Array, keys: jax.Array | None = None
    ) -> tuple[DecodedQueries, list[jax.Array]]:
        """Queries [S, B, Q, ...] after each layer, and the levels [B, h, w, C] of the encoder.

        Args:
          frames: [B, H, W, 3] uint8 RGB, on the padded canvas.
          image_size: [B, 2], (height, width) of the frames without padding.
          keys: [B], of dropout; None: nothing is dropped.
        """
        return self.transformer(self.pyramid(frames, image_size), image_size, keys)

    def encode(self, frames: jax.Array, image_size: jax.Array) -> InstanceQueries:
        """What `step` reads of frames: all that queries say; see `decode`."""
        decoded, levels = self.decode(frames, image_size)
        last: DecodedQueries = jax.tree.map(lambda x: x[-1], decoded)
        return InstanceQueries(
            logits=self.head.logits(decoded.features)[-1],
            boxes=last.boxes,
            places=last.places,
            networks=self.head.networks(last.features),
            embeddings=self.head.embed(last.features),
            mask_features=self.masks(levels),
        )

    def losses(self, batch: Clips, keys: RowKeys) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses of a batch; the sum of their values is minimised.

        Args:
          batch: B clips; the second frame is the reference, later ones are not read.
          keys: of the B rows, for dropout and the queries whose cosines are compared.

        Returns:
          Losses and metrics by name.
        """
        keys, noise = keys.split(2) if self.transformer.dropout else (keys, None)
        shape = (batch.instances.valid.shape[-1], self.transformer.num_queries)
        draws = jax.vmap(lambda key: jax.random.uniform(key, shape))(keys.each)
        return self.drawn_losses(batch, draws, noise)

    def drawn_losses(
        self, batch: Clips, draws: jax.Array, noise: RowKeys | None = None
    ) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses with draws [B, N, Q] of the queries whose cosines are compared.

        See `contrast.some_negatives` and, of `noise`, `predict_pairs`.
        """
        return self.teach(self.predict_pairs(batch, noise), batch, draws)

    def teach(
        self, predicted: learning.PairQueries, batch: Clips, draws: jax.Array
    ) -> tuple[dict[str, Mean], dict[str, Mean]]:
        """Losses and metrics of what queries say of both frames of each clip."""
        size, rule = batch.image_size, self.criterion
        key, instances = predicted.key, batch.instances_of(0)
        objects = learning.frame_objects(instances, size)
        targets = self.targets(key, objects)
        means = learning.query_means(key, targets, objects, rule)
        means |= learning.mask_means(key, targets, instances, size, self.head.network, rule)
        losses = {
            _layer_name(name, i, own): x for name, own in means.items() for i, x in enumerate(own)
        }
        pairs = self.pair_embeddings(predicted, targets, batch)
        losses |= learning.contrast_means(pairs, draws, rule)
        last = targets.positive[-1]
        metrics = {
            "positive_queries": Mean.of(last.sum(-1)),
            "objects_in_both_frames": Mean.of(pairs.valid.sum(-1)),
        }
        return losses, metrics

    def predict_pairs(self, batch: Clips, noise: RowKeys | None = None) -> learning.PairQueries:
        """What queries say of both frames of each clip; `noise`: keys of dropout, or none."""
        frames = jnp.concatenate([batch.frames[:, 0], batch.frames[:, 1]])
        num_pairs, size = len(batch.frames), jnp.tile(batch.image_size, (2, 1))
        keys = None if noise is None else jnp.concatenate([own.each for own in noise.split(2)])
        decoded, levels = self.decode(frames, size, keys)
        logits = self.head.logits(decoded.features)
        own: DecodedQueries = jax.tree.map(lambda x: x[:, :num_pairs], decoded)
        return learning.PairQueries(
            key=learning.KeyQueries(
                decoded=own,
                logits=logits[:, :num_pairs],
                networks=self.head.networks(own.features),
                mask_features=self.masks([x[:num_pairs] for x in levels]),
            ),
            reference_logits=logits[-1, num_pairs:],
            reference_boxes=decoded.boxes[-1, num_pairs:],
            embeddings=self.head.embed(decoded.features[-1]),
        )

    def targets(
        self, key: learning.KeyQueries, objects: learning.FrameObjects
    ) -> learning.KeyTargets:
        """Which queries stand for the objects [B, N] of the first frames, after each layer."""
        boxes = key.decoded.boxes
        return learning.key_targets(key.logits, boxes, objects, self.criterion.positives)

    def pair_embeddings(
        self, predicted: learning.PairQueries, targets: learning.KeyTargets, batch: Clips
    ) -> learning.PairEmbeddings:
        """What is compared between both frames of each clip."""
        query, reference = (batch.instances_of(number) for number in range(2))
        objects = learning.in_reference(query, reference, batch.image_size)
        positive, near = learning.reference_choices(
            predicted.reference_logits, predicted.reference_boxes, objects, self.criterion
        )
        own, others = jnp.split(predicted.embeddings, 2)
        cheapest = targets.assigned.query[-1][..., None]
        return learning.PairEmbeddings(
            own=jnp.take_along_axis(own, cheapest, axis=1),
            others=others,
            positive=positive,
            negative=~near,
            valid=objects.valid,
        )

    def detect(self, window: Window) -> Detections:
        """Detections of a window's query frame."""
        frame: InstanceQueries = jax.tree.map(lambda x: x[self.window_before], window.features)
        corners = QueryBoxes.of(frame.boxes).corners
        kept = select_queries(frame.logits, corners, self.selection, self.capacity.detections)
        masks = self.segment(frame, kept.query, window.image_size, kept.valid.sum())
        kept, place = drop_duplicates(kept, masks, self.selection)
        sides = frame_sides(window.image_size)
        to_original = corner_factors(window.scale)
        height, width = (MASK_STRIDE * n for n in masks.shape[1:])
        canvas = jnp.array([0, 0, width, height]) / to_original
        query = kept.query
        return Detections(
            boxes=corners[query] * sides / to_original,
            scores=kept.scores,
            labels=kept.labels,
            embeddings=frame.embeddings[query],
            mask_logits=masks[place],
            mask_boxes=jnp.broadcast_to(canvas, (len(query), 4)),
            valid=kept.valid,
            overflow=kept.overflow,
            class_scores=jax.nn.sigmoid(frame.logits)[query],
        )

    def segment(
        self, frame: InstanceQueries, query: jax.Array, image_size: jax.Array, count: jax.Array
    ) -> jax.Array:
        """Mask logits [D, H / 4, W / 4] of the first `count` of queries [D] of a frame.

        Group by group, as few frames have as many objects as fit.
        """
        items = frame.networks[query], frame.places[query] * frame_sides(image_size)[:2]
        height, width = frame.mask_features.shape[:2]

        def draw(system, own):
            params, points = own
            ones = jnp.ones(len(points))
            return mask_logits(frame.mask_features, params, points, ones, system.head.network)

        shape = (2 * height, 2 * width)
        return map_first(draw, self, items, count, size=MASK_GROUP, shape=shape)

    def embed_boxes(self, window: Window, boxes: jax.Array) -> jax.Array:
        """Embeddings [N, E] of boxes [N, 4] of the query frame, in resized pixels.

        They are those of the queries whose boxes are nearest, corner by corner: of boxes that no
        query's overlaps, too.
        """
        frame: InstanceQueries = jax.tree.map(lambda x: x[self.window_before], window.features)
        own = QueryBoxes.of(frame.boxes).corners * frame_sides(window.image_size)
        return frame.embeddings[jnp.abs(boxes[:, None] - own).sum(-1).argmin(-1)]

    @nn.nowrap
    def finish(self, memory: Memory, tracks: list[Track]) -> list[Track]:
        """The tracks that the tracker keeps, with empty masks where that is asked for."""
        tracks = self.tracker.finish(memory, tracks)
        if self.zero_masks:
            tracks = [in_every_frame(track, int(memory.frame)) for track in tracks]
        return tracks

    def initialise(self, frames: jax.Array) -> None:
        """Touches every part once, so that `init` makes all parameters; frames [B, H, W, 3]."""
        self.encode(frames, jnp.tile(jnp.asarray(frames.shape[1:3]), (len(frames), 1)))


def _layer_name(name: str, layer: int, layers: list[Mean]) -> str:
    """The loss of the last layer has no number."""
    return name if layer == len(layers) - 1 else f"{name}_layer{layer}"


def frame_sides(image_size: jax.Array) -> jax.Array:
    """(width, height, width, height) [..., 4] float32 of sizes [..., 2] as (height, width)."""
    size = jnp.asarray(image_size, jnp.float32)
    return jnp.concatenate([size[..., ::-1]] * 2, axis=-1)
