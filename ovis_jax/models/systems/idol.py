"""IDOL: queries of single frames whose embeddings learn, by contrast, to be told apart in time."""

from __future__ import annotations

from typing import ClassVar

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.deformable_transformer import DecodedQueries, DeformableTransformer
from ovis_jax.models.first_items import map_first
from ovis_jax.models.heads.dynamic_mask import mask_logits
from ovis_jax.models.heads.fused_mask import FusedMaskBranch
from ovis_jax.models.heads.instance import InstanceHead
from ovis_jax.models.instance_decoding import Selection, drop_duplicates, select_queries
from ovis_jax.models.oracles import IMAGE
from ovis_jax.models.systems.online import OnlineSystem
from ovis_jax.ops.boxes import EXCLUSIVE, corner_factors
from ovis_jax.structures import Detections, Window
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
        self, frames: jax.Array, image_size: jax.Array
    ) -> tuple[DecodedQueries, list[jax.Array]]:
        """Queries [S, B, Q, ...] after each layer, and the levels [B, h, w, C] of the encoder.

        Args:
          frames: [B, H, W, 3] uint8 RGB, on the padded canvas.
          image_size: [B, 2], (height, width) of the frames without padding.
        """
        return self.transformer(self.pyramid(frames, image_size), image_size)

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

    def detect(self, window: Window) -> Detections:
        """Detections of a window's query frame."""
        frame: InstanceQueries = jax.tree.map(lambda x: x[self.window_before], window.features)
        corners = box_corners(frame.boxes)
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

        They are those of the queries whose boxes overlap most.
        """
        frame: InstanceQueries = jax.tree.map(lambda x: x[self.window_before], window.features)
        own = box_corners(frame.boxes) * frame_sides(window.image_size)
        return frame.embeddings[EXCLUSIVE.iou(boxes, own).argmax(-1)]

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


def box_corners(boxes: jax.Array) -> jax.Array:
    """(x1, y1, x2, y2) [..., 4] of boxes (x, y, width, height) with their centres, [..., 4]."""
    center, half = boxes[..., :2], boxes[..., 2:] / 2
    return jnp.concatenate([center - half, center + half], axis=-1)


def frame_sides(image_size: jax.Array) -> jax.Array:
    """(width, height, width, height) [..., 4] float32 of sizes [..., 2] as (height, width)."""
    size = jnp.asarray(image_size, jnp.float32)
    return jnp.concatenate([size[..., ::-1]] * 2, axis=-1)
