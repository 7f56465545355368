"""Box head: RoI features to classes and class-specific boxes. Source: Fast R-CNN, section 2."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import flax
import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from ovis_jax.ops.assign import IouThresholds, assign_by_iou, sample
from ovis_jax.ops.boxes import BoxConvention, corner_factors
from ovis_jax.ops.losses import smooth_l1
from ovis_jax.ops.means import Mean
from ovis_jax.ops.nms import nms
from ovis_jax.ops.row_keys import RowKeys
from ovis_jax.structures import BoxDetections, Instances, Proposals

ASSIGNMENT = IouThresholds(positive=0.5, negative=0.5, claim=0.5)
DELTA_STDS = (0.1, 0.1, 0.2, 0.2)
NMS_IOU = 0.5


class BoxHead(nn.Module):
    """Two fully connected layers, then class logits and one box per class.

    Attributes:
      num_classes: without background.
      channels: of the hidden layers.
      num_samples: RoIs an image that enter the losses.
      max_positive: how many of them may be positive.
      score_threshold: a detection scores above it.
      nms_across_classes: a box suppresses those of other classes, too, so that an object is
        detected once; as published, and where False, once for each likely class.
      dtype: of the computation; the last layers are float32.
    """

    num_classes: int
    channels: int = 1024
    num_samples: int = 512
    max_positive: int = 128
    score_threshold: float = 0.05
    nms_across_classes: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, roi_features: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Maps [..., R, S, S, C] to logits [..., R, K + 1] and deltas [..., R, K + 1, 4].

        Class 0 is background.
        """
        x = roi_features.reshape(*roi_features.shape[:-3], -1)
        for i in range(2):
            x = nn.relu(
                nn.Dense(
                    self.channels,
                    kernel_init=nn.initializers.xavier_uniform(),
                    dtype=self.dtype,
                    name=f"fc{i}",
                )(x)
            )
        logits = nn.Dense(
            self.num_classes + 1,
            kernel_init=nn.initializers.normal(0.01),
            dtype="float32",
            name="logits",
        )(x)
        deltas = nn.Dense(
            4 * (self.num_classes + 1),
            kernel_init=nn.initializers.normal(0.001),
            dtype="float32",
            name="deltas",
        )(x)
        deltas = deltas.reshape(*deltas.shape[:-1], -1, 4)
        return logits, deltas

    def targets(
        self,
        keys: RowKeys,
        proposals: Proposals,
        instances: Instances,
        convention: BoxConvention,
    ) -> BoxTargets:
        """`box_targets` of a batch, [B, R, ...]: proposals [B, P, ...], instances [B, N, ...]."""

        def of_image(key, *own):
            return box_targets(
                key, *own, self.num_samples, self.max_positive, convention=convention
            )

        return jax.vmap(of_image)(keys.each, proposals, instances)


@flax.struct.dataclass
class BoxTargets:
    """RoIs of one image that enter the losses: positives first, then negatives, then invalid slots.

    Attributes:
      boxes: [R, 4] float32.
      classes: [R] int32, label + 1 where positive, 0 (background) elsewhere.
      index: [R] int32, the instance of a positive RoI.
      deltas: [R, 4] float32, towards that instance; zero where not positive.
      positive: [R] bool.
      valid: [R] bool, positive or negative.
    """

    boxes: jax.Array
    classes: jax.Array
    index: jax.Array
    deltas: jax.Array
    positive: jax.Array
    valid: jax.Array


def box_targets(
    key: jax.Array,
    proposals: Proposals,
    instances: Instances,
    num_samples: int,
    max_positive: int,
    *,
    convention: BoxConvention,
) -> BoxTargets:
    """Samples RoIs of one image from its annotated boxes and its proposals.

    Args:
      key: PRNG key of this image.
      proposals: [P, ...].
      instances: [N, ...]; each valid box is also a RoI, positive for itself.
      num_samples: R.
      max_positive: at most so many positives; they stand in the first slots.
      convention: what the corners of boxes mean.
    """
    assignment = assign_by_iou(
        proposals.boxes,
        proposals.valid,
        instances.boxes,
        instances.valid,
        thresholds=ASSIGNMENT,
        convention=convention,
    )
    num_instances = len(instances.valid)
    candidates = jnp.concatenate([instances.boxes, proposals.boxes])
    index = jnp.concatenate([jnp.arange(num_instances, dtype=jnp.int32), assignment.index])
    positive, negative = sample(
        key,
        jnp.concatenate([instances.valid, assignment.positive]),
        jnp.concatenate([jnp.zeros(num_instances, bool), assignment.negative]),
        num_samples,
        max_positive,
    )
    rank = jnp.where(positive, 0, jnp.where(negative, 1, 2))
    order = jnp.argsort(rank, stable=True)[:num_samples]
    order = jnp.pad(order, (0, max(num_samples - len(order), 0)))
    slot = jnp.arange(num_samples)
    positive = slot < positive.sum()
    valid = slot < (rank < 2).sum()
    boxes = jnp.where(valid[:, None], candidates[order], 0)
    index = jnp.where(positive, index[order], 0)
    targets = jnp.where(positive[:, None], instances.boxes[index], boxes)
    deltas = convention.encode(boxes, targets, stds=DELTA_STDS)
    return BoxTargets(
        boxes=boxes,
        classes=jnp.where(positive, instances.labels[index] + 1, 0),
        index=index,
        deltas=jnp.where(positive[:, None], deltas, 0),
        positive=positive,
        valid=valid,
    )


def box_loss(logits: jax.Array, deltas: jax.Array, targets: BoxTargets) -> tuple[Mean, Mean]:
    """Classification and box losses, both a mean over the sampled RoIs.

    Args:
      logits: [B, R, K + 1].
      deltas: [B, R, K + 1, 4].
      targets: batched, [B, R, ...].
    """
    count = targets.valid.sum()
    logits = jnp.where(targets.valid[..., None], logits, 0)
    entropy = optax.softmax_cross_entropy_with_integer_labels(logits, targets.classes)
    own = jnp.take_along_axis(deltas, targets.classes[..., None, None], axis=-2)[..., 0, :]
    error = jnp.where(targets.positive[..., None], own - targets.deltas, 0)
    return (
        Mean(jnp.sum(entropy, where=targets.valid), count),
        Mean(jnp.sum(smooth_l1(error, 1.0)), count),
    )


@dataclasses.dataclass(frozen=True)
class DetectionLimits:
    """What may become a detection of a frame, and how many.

    Attributes:
      score_threshold: a candidate scores above it.
      candidates: (proposal, class) pairs that enter NMS, the best ones.
      detections: objects that remain.
      density: from the boxes [C, 4] of the candidates, in pixels of the original frame, to their
        densities [C] for `nms`; None: NMS has one threshold.
      across_classes: NMS knows no classes.
    """

    score_threshold: float
    candidates: int
    detections: int
    density: Callable[[jax.Array], jax.Array] | None = None
    across_classes: bool = False


def decode_detections(
    logits: jax.Array,
    deltas: jax.Array,
    proposals: Proposals,
    image_size: jax.Array,
    scale: jax.Array,
    *,
    limits: DetectionLimits,
    convention: BoxConvention,
) -> BoxDetections:
    """Scores, decodes and suppresses the boxes of one image; NMS runs in original pixels.

    Args:
      logits: [P, K + 1].
      deltas: [P, K + 1, 4].
      proposals: [P, ...].
      image_size: [2], (height, width) of the resized frame.
      scale: [2] or [], resized pixels per original pixel in x and in y, or in both.
      limits: what may become a detection, and how many.
      convention: what the corners of boxes mean.

    Returns:
      [D, ...] with D = `limits.detections`, their source the proposal, their overflow the number
      of objects that there was no room for. Ordered by class, then score; if more than D remain,
      the best D by score, as the reference does.
    """
    num_classes = logits.shape[-1] - 1
    probs = jax.nn.softmax(logits)[:, 1:]
    above = (probs > limits.score_threshold) & proposals.valid[:, None]
    flat = jnp.where(above, probs, -1).reshape(-1)
    scores, pair = jax.lax.top_k(flat, min(limits.candidates, len(flat)))
    valid = scores > 0
    row, labels = pair // num_classes, pair % num_classes
    boxes = convention.decode(proposals.boxes[row], deltas[row, labels + 1], stds=DELTA_STDS)
    boxes = convention.clip(boxes, image_size) / corner_factors(scale)
    keep = nms(
        boxes,
        scores,
        valid,
        NMS_IOU,
        convention=convention,
        groups=None if limits.across_classes else labels,
        densities=None if limits.density is None else limits.density(boxes),
    )
    capacity = limits.detections
    few = keep.sum() <= capacity
    # Candidates are in order of score, so a stable sort by class leaves scores descending inside a
    # class.
    rank = jnp.where(keep, jnp.where(few, labels, 0), num_classes)
    order = jnp.argsort(rank, stable=True)[:capacity]
    order = jnp.pad(order, (0, max(capacity - len(order), 0)))
    lost = jnp.maximum(above.sum() - limits.candidates, 0) + jnp.maximum(keep.sum() - capacity, 0)
    return BoxDetections(
        boxes=boxes[order],
        scores=scores[order],
        labels=labels[order].astype(jnp.int32),
        source=row[order].astype(jnp.int32),
        valid=jnp.arange(capacity) < jnp.minimum(keep.sum(), capacity),
        overflow=lost,
    )
