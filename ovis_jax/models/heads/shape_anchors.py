"""Anchors of three shapes, each predicted by a kernel of its shape, and their losses: STMask.

Boxes are relative to the padded frame: x and y in [0, 1].
"""

import dataclasses
from collections.abc import Sequence

import flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
from flax import linen as nn

from ovis_jax.models.box_alignment import BoxAlignment
from ovis_jax.ops.assign import Assignment
from ovis_jax.ops.assign_anchors import AnchorThresholds, assign_anchors
from ovis_jax.ops.boxes import EXCLUSIVE
from ovis_jax.ops.losses import smooth_l1
from ovis_jax.ops.means import Mean
from ovis_jax.structures import Instances

SHAPES = ((3, 3), (3, 5), (5, 3))  # (height, width) in cells, of kernels and anchors
TOWERS = ("class", "box", "mask", "track")
STDS = (0.1, 0.1, 0.2, 0.2)  # the "variances" of SSD
CENTERNESS_ORDERS = ("by_shape", "by_cell")
_SMALLEST_NORM = 1e-12


@flax.struct.dataclass
class AnchorMaps:
    """What the head says of all anchors: levels, rows, columns, shapes.

    Attributes:
      logits: [B, A, 1 + K] float32, background first.
      deltas: [B, A, 4] float32, from anchors to boxes.
      coefficients: [B, A, C] float32, of prototypes, before tanh.
      embeddings: [B, A, E] float32, of length 1.
      centerness: [B, A] float32 in [-1, 1].
      shared: levels [B, h, w, C] that all predictions are made of.
    """

    logits: jax.Array
    deltas: jax.Array
    coefficients: jax.Array
    embeddings: jax.Array
    centerness: jax.Array
    shared: tuple[jax.Array, ...]


class ShapeAnchorHead(nn.Module):
    """One head for all levels. Source: Li et al. 2021, STMask, section 3.1.

    Attributes:
      num_classes: K, without background.
      channels: of all convolutions but the last ones.
      tower_convs: convolutions of each tower.
      num_coefficients: of a mask, C.
      embedding_size: E.
      class_alignment: how class features are read inside the predicted box: "none"; "ada", by
        offsets that are learnt from its deltas; "ali", by those that the box is computed to have.
      centerness_order: "by_shape" lists the centerness of a level shape after shape, so that it
        stands beside another anchor's box, as published weights were trained; "by_cell" lists it
        like all else.
      dtype: of the computation; the last convolutions are float32.
    """

    num_classes: int
    channels: int = 256
    tower_convs: int = 2
    num_coefficients: int = 32
    embedding_size: int = 128
    class_alignment: str = "none"
    centerness_order: str = "by_shape"
    dtype: str = "float32"

    def __post_init__(self):
        """Refuses unknown orders."""
        if self.centerness_order not in CENTERNESS_ORDERS:
            raise ValueError(
                f"centerness_order is {self.centerness_order!r}; expected one of "
                f"{CENTERNESS_ORDERS}"
            )
        super().__post_init__()

    def setup(self):
        """Makes the shared convolution, four towers and a predictor for each shape of each kind."""
        self.upfeature = self._conv(self.channels)
        for name in TOWERS:
            convs = [self._conv(self.channels) for _ in range(self.tower_convs)]
            setattr(self, f"{name}_tower", convs)
        sizes = {
            "logits": 1 + self.num_classes,
            "deltas": 4,
            "coefficients": self.num_coefficients,
            "embedding": self.embedding_size,
            "centerness": 1,
        }
        for name, size in sizes.items():
            setattr(self, name, [self._conv(size, shape, "float32") for shape in SHAPES])
        if self.class_alignment != "none":
            self.align = [BoxAlignment(x, self.class_alignment, self.dtype) for x in SHAPES]

    def _conv(self, features, shape=SHAPES[0], dtype=None) -> nn.Conv:
        initial = nn.initializers.xavier_uniform()
        return nn.Conv(features, shape, kernel_init=initial, dtype=dtype or self.dtype)

    def __call__(self, pyramid: Sequence[jax.Array]) -> AnchorMaps:
        """Maps levels [B, h, w, C] to what is said of the anchors of all of them."""
        levels = [self._level(x) for x in pyramid]
        shared = tuple(level.pop("shared") for level in levels)
        joined = {name: jnp.concatenate([x[name] for x in levels], axis=1) for name in levels[0]}
        return AnchorMaps(shared=shared, **joined)

    def _level(self, x: jax.Array) -> dict[str, jax.Array]:
        """Predictions [B, h * w * 3, ...] of one level, and its shared map."""
        shared = nn.relu(self.upfeature(x))
        classes, boxes, masks, tracks = (self.tower(shared, name) for name in TOWERS)
        deltas = [predict(boxes) for predict in self.deltas]
        embeddings = _by_cell([predict(tracks) for predict in self.embedding])
        square = jnp.sum(embeddings**2, axis=-1, keepdims=True)
        listed = _by_shape if self.centerness_order == "by_shape" else _by_cell
        centerness = listed([predict(boxes) for predict in self.centerness])
        return {
            "logits": _by_cell(self._logits(classes, deltas)),
            "deltas": _by_cell(deltas),
            "coefficients": _by_cell([predict(masks) for predict in self.coefficients]),
            "embeddings": embeddings * jax.lax.rsqrt(jnp.maximum(square, _SMALLEST_NORM**2)),
            "centerness": jnp.tanh(centerness)[..., 0],
            "shared": shared,
        }

    def tower(self, x: jax.Array, name: str) -> jax.Array:
        """The tower of one of `TOWERS` over a shared map [B, h, w, C]."""
        for conv in getattr(self, f"{name}_tower"):
            x = nn.relu(conv(x))
        return x

    def _logits(self, x: jax.Array, deltas: Sequence[jax.Array]) -> list[jax.Array]:
        """Class logits of each shape."""
        if self.class_alignment == "none":
            return [predict(x) for predict in self.logits]
        aligned = [align(x, own) for align, own in zip(self.align, deltas, strict=True)]
        return [predict(own) for predict, own in zip(self.logits, aligned, strict=True)]


def _by_cell(maps: Sequence[jax.Array]) -> jax.Array:
    """[B, h * w * 3, C] of a map [B, h, w, C] for each shape; shapes vary first."""
    stacked = jnp.stack(maps, axis=3)
    return stacked.reshape(len(stacked), -1, stacked.shape[-1])


def _by_shape(maps: Sequence[jax.Array]) -> jax.Array:
    """[B, 3 * h * w, C] of a map [B, h, w, C] for each shape, one shape after the other."""
    return jnp.concatenate([x.reshape(len(x), -1, x.shape[-1]) for x in maps], axis=1)


def shape_anchors(sizes: Sequence[tuple[int, int]]) -> np.ndarray:
    """Anchors [A, 4] float32 of levels of (height, width) cells, relative to the frame."""
    levels = []
    for height, width in sizes:
        y, x = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
        cells = np.float32([width, height])
        centers = ((np.stack([x, y], -1).astype(np.float32) + 0.5) / cells)[:, :, None]
        half = np.float32([shape[::-1] for shape in SHAPES]) / cells / 2
        levels.append(np.concatenate([centers - half, centers + half], -1).reshape(-1, 4))
    return np.concatenate(levels).astype(np.float32)


def decode_anchors(anchors: jax.Array, deltas: jax.Array) -> jax.Array:
    """Boxes [..., A, 4], relative to the frame and not cut to it."""
    return EXCLUSIVE.decode(anchors, deltas, stds=STDS)


def class_cross_entropy(logits: jax.Array, labels: jax.Array) -> jax.Array:
    """Cross-entropy [...] of logits [..., 1 + K] with labels [...]; -1 is background."""
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels + 1)


def anchor_targets(
    anchors: jax.Array, logits: jax.Array, instances: Instances, thresholds: AnchorThresholds
) -> Assignment:
    """What the anchors [A] of one frame stand for; see `assign_anchors`.

    Args:
      anchors: [A, 4].
      logits: [A, 1 + K].
      instances: [N, ...] with boxes relative to the frame.
      thresholds: of overlaps.
    """
    log_probs = jax.nn.log_softmax(jax.lax.stop_gradient(logits))
    labels = jnp.where(instances.valid, instances.labels, 0)
    losses = -log_probs[:, 1:].T[labels]  # [N, A]
    return assign_anchors(anchors, losses, instances.boxes, instances.valid, thresholds)


@dataclasses.dataclass(frozen=True)
class AnchorLosses:
    """Weights of the losses of anchors, and which negatives count.

    Attributes:
      classes: of the cross-entropy, of which positives are a quarter and negatives the rest.
      box: of 1 - distance IoU.
      centerness: of the smooth L1 distance to the distance IoU of the predicted box.
      negatives: that count for each positive.
      shifted_weights: the weights of the classes stand in another order than the cross-entropies,
        as in the published code: those of all positives, then those of negatives, beside positives
        and negatives in the order of anchors. Otherwise each has its own.
    """

    classes: float = 6.125
    box: float = 5.0
    centerness: float = 20.0
    negatives: int = 3
    shifted_weights: bool = True


def positive_weights(positive: jax.Array) -> jax.Array:
    """One share [G, A] of each positive anchor of a frame; they add up to 1."""
    return positive / jnp.maximum(positive.sum(-1, keepdims=True), 1)


def hard_negatives(logits: jax.Array, targets: Assignment, per_positive: int) -> jax.Array:
    """The negatives [G, A] bool that look least like background, among a group of frames.

    As many as `per_positive` times the positives of the group; none without positives.
    """
    hardness = class_cross_entropy(jax.lax.stop_gradient(logits), jnp.full(logits.shape[:-1], -1))
    hardness = jnp.where(targets.negative, hardness, 0).reshape(-1)
    order = jnp.argsort(-hardness, stable=True)
    num = jnp.minimum(per_positive * targets.positive.sum(), len(order) - 1)
    ranked = jnp.zeros(len(order), bool).at[order].set(jnp.arange(len(order)) < num)
    return ranked.reshape(targets.negative.shape) & targets.negative


def anchor_class_loss(
    logits: jax.Array, labels: jax.Array, targets: Assignment, settings: AnchorLosses
) -> Mean:
    """Cross-entropy of positives and hard negatives of a group of frames.

    Args:
      logits: [G, A, 1 + K].
      labels: [G, A] int32 of the positive anchors' objects.
      targets: [G, A].
      settings: weights.
    """
    frames = len(logits)
    kept = hard_negatives(logits, targets, settings.negatives)
    losses = class_cross_entropy(logits, jnp.where(targets.positive, labels, -1))
    share = frames * settings.negatives / jnp.maximum(kept.sum(), 1)
    weights = jnp.where(targets.positive, positive_weights(targets.positive), share)
    counts = targets.positive | kept
    if settings.shifted_weights:
        weights = _shifted(weights, targets.positive, counts, share)
    total = jnp.sum(jnp.where(counts, weights * losses, 0))
    return Mean(settings.classes / (1 + settings.negatives) * total, frames)


def _shifted(weights, positive, counts, share) -> jax.Array:
    """Weights [G, A] of which those of positives go to the first anchors that count."""
    flat, size = positive.reshape(-1), positive.size
    place = jnp.where(flat, jnp.cumsum(flat) - 1, size)
    first = jnp.full(size, share).at[place].set(weights.reshape(-1), mode="drop")
    number = jnp.cumsum(counts.reshape(-1)) - 1
    return first[jnp.maximum(number, 0)].reshape(positive.shape)


def anchor_box_losses(
    boxes: jax.Array,
    centerness: jax.Array,
    goals: jax.Array,
    positive: jax.Array,
    settings: AnchorLosses,
) -> dict[str, Mean]:
    """Losses of boxes and of centerness, whose goal is the quality of the predicted box.

    The gradient of the centerness reaches the boxes, too.

    Args:
      boxes: [G, A, 4], predicted.
      centerness: [G, A].
      goals: [G, A, 4], boxes of the positive anchors' objects.
      positive: [G, A] bool.
      settings: weights.
    """
    harmless = jnp.float32([0.0, 0.0, 1.0, 1.0])
    boxes = jnp.where(positive[..., None], boxes, harmless)
    goals = jnp.where(positive[..., None], goals, harmless)
    weights, quality = positive_weights(positive), EXCLUSIVE.paired_diou(boxes, goals)
    error = smooth_l1(jnp.where(positive, centerness - quality, 0), 1.0)
    frames = len(boxes)
    return {
        "box": Mean(settings.box * jnp.sum(weights * (1 - quality)), frames),
        "centerness": Mean(settings.centerness * jnp.sum(weights * error), frames),
    }
