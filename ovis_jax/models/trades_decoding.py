"""Objects of a frame from what TraDeS says of its cells: detected, or those of the annotations."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import flax
import jax
import jax.numpy as jnp

from ovis_jax.models.frame_map import FrameMap
from ovis_jax.models.heads import center as center_head
from ovis_jax.models.heads import seg_feature
from ovis_jax.models.motion import Motion
from ovis_jax.models.oracles import annotated_detections
from ovis_jax.ops.boxes import INCLUSIVE
from ovis_jax.ops.dynamic_masks import MaskNetwork
from ovis_jax.ops.nms import nms
from ovis_jax.ops.peaks import local_peaks
from ovis_jax.structures import Detections, Instances
from ovis_jax.tracking.center import CenterDetections


@flax.struct.dataclass
class PairPredictions:
    """What the heads say of the first frames of B clips, with the second ones before them.

    Attributes:
      motion: Motion.
      maps: CenterMaps of the enhanced features.
      features: [B, h, w, F], that masks are drawn on.
    """

    motion: Motion
    maps: center_head.CenterMaps
    features: jax.Array


@dataclasses.dataclass(frozen=True)
class CenterRule:
    """Which peaks are detections.

    Attributes:
      score_threshold: they score more.
      nms_iou: a box is suppressed by a better one, of any class, with a greater IoU.
      capacity: D, most of a frame.
    """

    score_threshold: float
    nms_iou: float
    capacity: int


def center_detections(
    predicted: PairPredictions,
    frame: FrameMap,
    rule: CenterRule,
    network: MaskNetwork,
    density: Callable[[jax.Array], jax.Array] | None = None,
) -> CenterDetections:
    """Detections [D] of one frame.

    Args:
      predicted: of the frame, [h, w, ...].
      frame: how it lies on the map.
      rule: which peaks are detections.
      network: what the parameters of a mask mean.
      density: of boxes [D, 4], in pixels of the original frame; see `oracles.truth_density`.
    """
    heat = jax.nn.sigmoid(predicted.maps.logits)
    offsets, sizes = predicted.maps.offsets, predicted.maps.sizes
    found = center_head.decode_centers(heat, offsets, sizes, rule.capacity)
    boxes = frame.boxes_to_original(found.boxes)
    kept = nms(
        boxes,
        found.scores,
        found.scores >= rule.score_threshold,
        rule.nms_iou,
        convention=INCLUSIVE,
        densities=density and density(boxes),
    )
    kept &= found.scores > rule.score_threshold
    order = jnp.argsort(~kept, stable=True)
    found, boxes = jax.tree.map(lambda x: x[order], (found, boxes))
    networks = center_head.at_peaks(predicted.maps.networks, found)
    peaks = jnp.sum(local_peaks(heat) > rule.score_threshold, dtype=jnp.int32)
    objects = Detections(
        boxes=boxes,
        scores=found.scores,
        labels=found.labels,
        embeddings=unit(center_head.at_peaks(predicted.motion.embeddings, found)),
        mask_logits=seg_feature.center_masks(predicted.features, networks, found.centers, network),
        mask_boxes=jnp.broadcast_to(frame.canvas, boxes.shape),
        valid=kept[order],
        overflow=jnp.maximum(peaks - rule.capacity, 0),
    )
    offsets = center_head.at_peaks(predicted.motion.offsets, found)
    return _moved(objects, found.places, offsets, frame)


def annotated_centers(
    predicted: PairPredictions, frame: FrameMap, truth: Instances, capacity: int
) -> CenterDetections:
    """Annotated objects as the detections of a frame, with what stands at their centres.

    Args:
      predicted: of the frame, [h, w, ...].
      frame: how it lies on the map.
      truth: [N, ...] of the frame, in pixels of the canvas, valid slots first.
      capacity: D, most detections of a frame; objects beyond count as overflow.
    """
    lost = jnp.maximum(jnp.sum(truth.valid, dtype=jnp.int32) - capacity, 0)
    truth = jax.tree.map(lambda x: _slots(x, capacity), truth)
    corners = jnp.where(truth.valid[:, None], truth.boxes, 0) / center_head.STRIDE
    centers = (corners[:, :2] + corners[:, 2:]) / 2
    places = jnp.clip(jnp.floor(centers), 0, frame.size - 1)
    x, y = jnp.moveaxis(places.astype(jnp.int32), -1, 0)
    embeddings = unit(predicted.motion.embeddings[y, x])
    objects = annotated_detections(in_original_frame(truth, frame), embeddings, jnp.ones(2))
    offsets = predicted.motion.offsets[y, x]
    return _moved(objects.replace(overflow=lost), places, offsets, frame)


def in_original_frame(truth: Instances, frame: FrameMap) -> Instances:
    """Annotated objects [N, ...] of a canvas with boxes in pixels of the original frame."""
    corners = jnp.where(truth.valid[:, None], truth.boxes, 0) / center_head.STRIDE
    return truth.replace(boxes=frame.boxes_to_original(corners))


def unit(embeddings: jax.Array) -> jax.Array:
    """Embeddings [..., E] of length 1; those of length 0 stay."""
    lengths = jnp.linalg.norm(embeddings, axis=-1, keepdims=True)
    return embeddings / jnp.where(lengths == 0, 1, lengths)


def _moved(
    objects: Detections, places: jax.Array, offsets: jax.Array, frame: FrameMap
) -> CenterDetections:
    """Objects at places [D, 2] with offsets to those in the frame before, both in cells."""
    centers = frame.to_original(places)
    return CenterDetections(objects, centers, frame.to_original(places + offsets) - centers)


def _slots(x: jax.Array, count: int) -> jax.Array:
    """The first `count` of slots [N, ...], or all, and zeros."""
    return jnp.pad(x[:count], [(0, max(count - len(x), 0))] + [(0, 0)] * (x.ndim - 1))
