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
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.structures import Instances

ASSIGNMENT = IouThresholds(positive=0.7, negative=0.3, claim=0.3)
SMOOTH_L1_BETA = 1 / 9
HIDDEN_KERNEL = 3  # side of the hidden convolution


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
