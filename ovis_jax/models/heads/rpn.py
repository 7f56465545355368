"""Region proposal network: pyramid to proposals. Source: Faster R-CNN, section 3.1."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from ovis_jax.ops import implementations
from ovis_jax.ops.anchors import grid_anchors, take_anchors
from ovis_jax.ops.assign import IouThresholds, assign_by_iou, draw
from ovis_jax.ops.boxes import BoxConvention
from ovis_jax.ops.canvas import Canvas, canvas_of
from ovis_jax.ops.losses import smooth_l1
from ovis_jax.ops.means import Mean
from ovis_jax.ops.nms import nms
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.structures import Instances, Proposals

ASSIGNMENT = IouThresholds(positive=0.7, negative=0.3, claim=0.3)
SMOOTH_L1_BETA = 1 / 9
HIDDEN_KERNEL = 3  # side of the hidden convolution
NMS_IOU = 0.7


@dataclasses.dataclass(frozen=True)
class RPNFeatures:
    """What the predictors of an `RPNHead` read.

    Attributes:
      maps: levels [B, h, w, C], or one map on which all of them lie.
      canvas: says where; None: they are levels.
    """

    maps: Sequence[jax.Array]
    canvas: Canvas | None

    def levels(self, maps: Sequence[jax.Array]) -> Sequence[jax.Array]:
        """Levels of maps that lie as these do."""
        return maps if self.canvas is None else self.canvas.unpack(*maps)


class RPNHead(nn.Module):
    """Objectness and box deltas of every anchor, with weights shared over the levels.

    Attributes:
      channels: of the hidden convolution.
      anchor_scale: anchor side in strides.
      anchor_ratios: height over width.
      num_samples: anchors an image that enter the loss, at most half of them positive.
      dtype: of the computation; the last layers are float32.
    """

    channels: int = 256
    anchor_scale: float = 8.0
    anchor_ratios: tuple[float, ...] = (0.5, 1.0, 2.0)
    num_samples: int = 256
    dtype: str = "float32"

    def setup(self) -> None:
        """Makes the hidden convolution and both predictors."""
        num_anchors, normal = len(self.anchor_ratios), nn.initializers.normal(0.01)
        side = (HIDDEN_KERNEL, HIDDEN_KERNEL)
        self.hidden = nn.Conv(self.channels, side, kernel_init=normal, dtype=self.dtype)
        self.logits = nn.Conv(num_anchors, (1, 1), kernel_init=normal, dtype="float32")
        self.deltas = nn.Conv(4 * num_anchors, (1, 1), kernel_init=normal, dtype="float32")

    def __call__(self, pyramid: Sequence[jax.Array]) -> tuple[jax.Array, jax.Array]:
        """Maps levels [B, h, w, C] to logits [B, A] and deltas [B, A, 4], ordered as `anchors`."""
        return self.predict(self.features(pyramid))

    def features(self, pyramid: Sequence[jax.Array]) -> RPNFeatures:
        """Levels [B, h, w, C] to the features that `predict` and `predict_at` read."""
        canvas = None
        if implementations.one_canvas():
            canvas = canvas_of(tuple(x.shape[1:3] for x in pyramid), HIDDEN_KERNEL // 2)
            pyramid = [canvas.pack(pyramid)]
        return RPNFeatures([nn.relu(self.hidden(x)) for x in pyramid], canvas)

    def predict(self, features: RPNFeatures) -> tuple[jax.Array, jax.Array]:
        """Logits [B, A] and deltas [B, A, 4] of all anchors, ordered as `anchors`."""
        logits, deltas = (
            features.levels([predictor(x) for x in features.maps])
            for predictor in (self.logits, self.deltas)
        )
        batch = logits[0].shape[0]
        return (
            jnp.concatenate([x.reshape(batch, -1) for x in logits], 1),
            jnp.concatenate([x.reshape(batch, -1, 4) for x in deltas], 1),
        )

    def predict_at(self, features: RPNFeatures, index: jax.Array) -> tuple[jax.Array, jax.Array]:
        """The same of some anchors: logits [B, S] and deltas [B, S, 4] by their numbers [B, S].

        What a loss reads, so that its gradient is one of S cells and not of whole maps, whose few
        numbers a cell fill a fraction of a TPU's rows.
        """
        num_anchors = len(self.anchor_ratios)
        cells = _take_cells(features.levels(features.maps), index // num_anchors)
        logits, deltas = (p(cells[:, :, None])[:, :, 0] for p in (self.logits, self.deltas))
        own = (index % num_anchors)[..., None] == jnp.arange(num_anchors)
        deltas = deltas.reshape(*index.shape, num_anchors, 4)
        return jnp.sum(logits, -1, where=own), jnp.sum(deltas, -2, where=own[..., None])

    def anchors(self, pyramid: Sequence[jax.Array], strides: Sequence[int]) -> list[np.ndarray]:
        """Anchor boxes of each level, [h * w * ratios, 4], in pixels of the padded frame."""
        return [
            grid_anchors(x.shape[-3], x.shape[-2], stride, self.anchor_scale, self.anchor_ratios)
            for x, stride in zip(pyramid, strides, strict=True)
        ]

    def targets(
        self,
        keys: RowKeys,
        anchors: np.ndarray,
        image_size: jax.Array,
        instances: Instances,
        convention: BoxConvention,
    ) -> RPNTargets:
        """`rpn_targets` of a batch, [B, S, ...]: anchors [A, 4], sizes [B, 2], instances [B, N]."""

        def of_image(key, size, own):
            return rpn_targets(key, anchors, size, own, self.num_samples, convention=convention)

        return jax.vmap(of_image)(keys.each, image_size, instances)


def _take_cells(levels: Sequence[jax.Array], index: jax.Array) -> jax.Array:
    """Cells [B, S, C] of levels [B, h, w, C], by their numbers [B, S] in the levels of an image."""
    found, start = 0, 0
    image = jnp.arange(len(index))[:, None]
    for level in levels:
        count = level.shape[1] * level.shape[2]
        own = (index >= start) & (index < start + count)
        # Of all images at once: the gradient of a gather a batch lies two images a TPU's tile.
        row = image * count + jnp.where(own, index - start, 0)
        rows = level.reshape(-1, level.shape[-1])[row]
        found += jnp.where(own[..., None], rows, 0)
        start += count
    return found


@flax.struct.dataclass
class RPNTargets:
    """What the sampled anchors of one image should say.

    Attributes:
      index: [S] int32, their numbers; a slot that is neither positive nor negative means nothing.
      positive: [S] bool, on an object.
      negative: [S] bool, on background.
      deltas: [S, 4] float32, right where positive, zero elsewhere.
    """

    index: jax.Array
    positive: jax.Array
    negative: jax.Array
    deltas: jax.Array


def rpn_targets(
    key: jax.Array,
    anchors: np.ndarray,
    image_size: jax.Array,
    instances: Instances,
    num_samples: int,
    *,
    convention: BoxConvention,
) -> RPNTargets:
    """Assigns and samples the anchors of one image; anchors that leave the image are not used.

    Args:
      key: PRNG key of this image.
      anchors: [A, 4].
      image_size: [2], (height, width) without padding.
      instances: of this image, [N, ...].
      num_samples: anchors in the loss, at most half of them positive.
      convention: what the corners of boxes mean.
    """
    height, width = image_size
    inside = (
        (anchors[:, 0] >= 0)
        & (anchors[:, 1] >= 0)
        & (anchors[:, 2] < width)
        & (anchors[:, 3] < height)
    )
    assignment = assign_by_iou(
        anchors,
        inside,
        instances.boxes,
        instances.valid,
        thresholds=ASSIGNMENT,
        convention=convention,
    )
    drawn = draw(key, assignment.positive, assignment.negative, num_samples, num_samples // 2)
    (on_object, positive), (on_background, negative) = drawn.positive, drawn.negative
    boxes = take_anchors(anchors, on_object)
    targets = instances.boxes[assignment.index[on_object]]
    deltas = convention.encode(boxes, jnp.where(positive[:, None], targets, boxes))
    deltas = jnp.where(positive[:, None], deltas, 0)
    rest = len(negative)
    return RPNTargets(
        index=jnp.concatenate([on_object, on_background]),
        positive=jnp.pad(positive, (0, rest)),
        negative=jnp.pad(negative, (len(positive), 0)),
        deltas=jnp.pad(deltas, ((0, rest), (0, 0))),
    )


def rpn_loss(logits: jax.Array, deltas: jax.Array, targets: RPNTargets) -> tuple[Mean, Mean]:
    """Objectness and box losses, both a mean over the sampled anchors.

    An image without positives counts as if it had one, and likewise without negatives.

    Args:
      logits: of the targets' anchors, [B, S].
      deltas: likewise, [B, S, 4].
      targets: batched, [B, S, ...].
    """
    positive, sampled = targets.positive, targets.positive | targets.negative
    count = jnp.maximum(positive.sum(-1), 1) + jnp.maximum(targets.negative.sum(-1), 1)
    count = count.sum()
    logits = jnp.where(sampled, logits, 0)
    objectness = optax.sigmoid_binary_cross_entropy(logits, positive.astype(logits.dtype))
    error = jnp.where(positive[..., None], deltas - targets.deltas, 0)
    return (
        Mean(jnp.sum(objectness, where=sampled), count),
        Mean(jnp.sum(smooth_l1(error, SMOOTH_L1_BETA)), count),
    )


def decode_proposals(
    logits: jax.Array,
    deltas: jax.Array,
    anchors: Sequence[np.ndarray],
    image_size: jax.Array,
    *,
    level_capacity: int,
    capacity: int,
    convention: BoxConvention,
) -> Proposals:
    """Best boxes of one image: per level top scores and NMS, then the best of all levels.

    Args:
      logits: [A], levels one after another.
      deltas: [A, 4].
      anchors: each level's anchors, [A_l, 4], together A.
      image_size: [2], (height, width) without padding; boxes are clipped to it.
      level_capacity: anchors of a level that enter NMS.
      capacity: proposals.
      convention: what the corners of boxes mean.

    Returns:
      Proposals [capacity, ...] without gradient.
    """
    logits, deltas = jax.lax.stop_gradient((logits, deltas))
    select = _best_of_all_levels if implementations.levels_at_once() else _best_of_each_level
    boxes, scores, keep = select(
        logits, deltas, anchors, image_size, level_capacity, convention=convention
    )
    ranked = jnp.where(keep, scores, -1)
    scores, index = jax.lax.top_k(ranked, min(capacity, len(ranked)))
    padding = capacity - len(index)
    return Proposals(
        boxes=jnp.pad(boxes[index], ((0, padding), (0, 0))),
        scores=jnp.pad(scores, (0, padding)),
        valid=jnp.pad(keep[index], (0, padding)),
    )


def _best_of_each_level(logits, deltas, anchors, image_size, capacity: int, *, convention):
    """Boxes [N, 4], scores [N] and survivors [N] of all levels, one level after the other."""
    found, start = [], 0
    for level in anchors:
        count = len(level)
        level_scores, index = jax.lax.top_k(
            jax.nn.sigmoid(logits[start : start + count]), min(capacity, count)
        )
        level_boxes = convention.decode(
            take_anchors(level, index), deltas[start : start + count][index]
        )
        level_boxes = convention.clip(level_boxes, image_size)
        valid = jnp.ones(len(index), bool)
        keep = nms(level_boxes, level_scores, valid, NMS_IOU, convention=convention)
        found.append((level_boxes, level_scores, keep))
        start += count
    return tuple(jnp.concatenate(x) for x in zip(*found, strict=True))


def _best_of_all_levels(logits, deltas, anchors, image_size, capacity: int, *, convention):
    """The same from one sort and one suppression; slots that a small level leaves are no survivors.

    On accelerators a sort is dear to compile and a loop is dear to begin.
    """
    counts = [len(level) for level in anchors]
    longest, starts = max(counts), np.cumsum([0, *counts[:-1]])
    probs = jax.nn.sigmoid(logits)
    scores = jnp.stack(
        [
            jnp.pad(probs[start : start + count], (0, longest - count), constant_values=-1)
            for start, count in zip(starts, counts, strict=True)
        ]
    )
    scores, index = jax.lax.top_k(scores, min(capacity, longest))  # [L, N]
    valid = scores >= 0
    index = jnp.where(valid, index + starts[:, None], 0)
    boxes = convention.decode(take_anchors(np.concatenate(anchors), index), deltas[index])
    boxes = convention.clip(boxes, image_size)
    keep = jax.vmap(lambda *level: nms(*level, NMS_IOU, convention=convention))(
        boxes, scores, valid
    )
    return boxes.reshape(-1, 4), scores.reshape(-1), keep.reshape(-1)
