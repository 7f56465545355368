"""Losses that were made for crowds: repulsion, aggregation, and that of the occluder branch.

The first two read the positive RoIs of an image: the boxes that the box head makes of them, and the
objects that they are positive for. Every image is a group of its own; counts add up over images.
"""

import dataclasses
import functools

import jax
import jax.numpy as jnp

from ovis_jax.models.heads.box import DELTA_STDS, BoxTargets
from ovis_jax.models.heads.occluder import occluder_loss, occluder_targets
from ovis_jax.ops.boxes import BoxConvention
from ovis_jax.ops.losses import smooth_l1
from ovis_jax.ops.means import Mean
from ovis_jax.structures import Instances

_BRANCH_WEIGHT = 0.25  # of the loss of the occluder branch, as in the code of its paper


@dataclasses.dataclass(frozen=True)
class OcclusionLosses:
    """Which of the losses are added to those of a detector, and with which factor.

    Attributes:
      repulsion: of both parts of the repulsion loss; 0: none. 0.5 in its paper.
      aggregation: of the aggregation loss, called compact loss in the paper of OVIS; 0: none. 1 in
        its paper.
      other_sigma: where the repulsion from other objects becomes linear, see `smooth_ln`.
      pair_sigma: likewise of that between predictions.
    """

    repulsion: float = 0.0
    aggregation: float = 0.0
    other_sigma: float = 0.9
    pair_sigma: float = 0.0


def branch_loss(logits: jax.Array, instances: Instances, positives: BoxTargets) -> Mean:
    """Loss of the occluder branch, as it is added to those of a detector.

    Args:
      logits: [B, P, M, M] of the positives.
      instances: [B, N] of the query frame, with masks.
      positives: [B, P].
    """
    targets = jax.vmap(occluder_targets, in_axes=(0, 0, 0, 0, None))(
        instances.masks, instances.valid, positives.boxes, positives.index, logits.shape[-1]
    )
    loss = occluder_loss(logits, targets, positives.positive)
    return Mean(_BRANCH_WEIGHT * loss.total, loss.count)


def occlusion_losses(
    settings: OcclusionLosses,
    deltas: jax.Array,
    targets: BoxTargets,
    instances: Instances,
    convention: BoxConvention,
) -> dict[str, Mean]:
    """The chosen losses of a batch by name, with their factors.

    Args:
      settings: which, and with which factor.
      deltas: [B, R, K + 1, 4], of the box head.
      targets: batched, [B, R, ...].
      instances: [B, N, ...].
      convention: what the corners of boxes mean.
    """
    own = jnp.take_along_axis(deltas, targets.classes[..., None, None], axis=-2)[..., 0, :]
    own = jnp.where(targets.positive[..., None], own, 0)
    index, positive = targets.index, targets.positive
    losses = {}
    if settings.repulsion:
        predicted = convention.decode(targets.boxes, own, stds=DELTA_STDS)
        others = jax.vmap(
            functools.partial(other_repulsion, sigma=settings.other_sigma, convention=convention)
        )(predicted, targets.boxes, index, positive, instances)
        pairs = jax.vmap(
            functools.partial(pair_repulsion, sigma=settings.pair_sigma, convention=convention)
        )(predicted, index, positive)
        losses["repulsion_others"] = _weighted(others, settings.repulsion)
        losses["repulsion_pairs"] = _weighted(pairs, settings.repulsion)
    if settings.aggregation:
        num_objects = instances.valid.shape[-1]
        each = jax.vmap(functools.partial(aggregation, num_objects=num_objects))
        means = each(own, targets.deltas, index, positive)
        losses["aggregation"] = _weighted(means, settings.aggregation)
    return losses


def _weighted(images: Mean, factor: float) -> Mean:
    """The mean over all images, of means with an axis of images, times a factor."""
    return Mean(factor * images.total.sum(), images.count.sum())


def smooth_ln(x: jax.Array, sigma: float) -> jax.Array:
    """-ln(1 - x) up to `sigma`, and its tangent from there on. Source: Repulsion loss, equation 6.

    Args:
      x: overlaps in [0, 1], any shape.
      sigma: in [0, 1). The paper's best for other objects is 1, whose slope has no bound where one
        box holds the other.
    """
    low = jnp.where(x <= sigma, x, sigma)
    return jnp.where(x <= sigma, -jnp.log1p(-low), (x - sigma) / (1 - sigma) - jnp.log1p(-sigma))


def other_repulsion(
    predicted: jax.Array,
    rois: jax.Array,
    index: jax.Array,
    positive: jax.Array,
    instances: Instances,
    *,
    sigma: float,
    convention: BoxConvention,
) -> Mean:
    """Repulsion of predictions from the object that their RoI overlaps most but is not meant for.

    The overlap is that of the prediction with the object, as a share of the object; it does not pay
    to grow. Source: Repulsion loss (Wang et al. 2018), equations 4 to 6.

    Args:
      predicted: [R, 4], boxes of one image.
      rois: [R, 4], what they were made of.
      index: [R] int32, the instance of a positive RoI.
      positive: [R] bool.
      instances: [N, ...].
      sigma: see `smooth_ln`.
      convention: what the corners of boxes mean.

    Returns:
      Its count are the positives, also those that overlap no other object.
    """
    boxes = jnp.where(instances.valid[:, None], instances.boxes, 0)
    predicted = jnp.where(positive[:, None], predicted, 0)
    rois = jnp.where(positive[:, None], rois, 0)
    numbers = jnp.arange(len(boxes))
    others = instances.valid & (numbers != index[:, None])  # [R, N]
    overlaps = jnp.where(others, convention.iou(rois, boxes), -1)
    other = boxes[overlaps.argmax(-1)]  # [R, 4]
    repelled = positive & (overlaps.max(-1) > 0)
    share = convention.paired_overlap(predicted, other) / jnp.where(
        repelled, convention.areas(other), 1
    )
    loss = smooth_ln(jnp.where(repelled, share, 0), sigma)
    return Mean(loss.sum(), positive.sum())


def pair_repulsion(
    predicted: jax.Array,
    index: jax.Array,
    positive: jax.Array,
    *,
    sigma: float,
    convention: BoxConvention,
) -> Mean:
    """Repulsion of predictions for one object from those for another.

    Source: Repulsion loss (Wang et al. 2018), equation 7.

    Args:
      predicted: [R, 4], boxes of one image.
      index: [R] int32, the instance of a positive RoI.
      positive: [R] bool.
      sigma: see `smooth_ln`.
      convention: what the corners of boxes mean.

    Returns:
      Its count are the pairs that overlap, each once.
    """
    predicted = jnp.where(positive[:, None], predicted, 0)
    slots = jnp.arange(len(index))
    pairs = positive[:, None] & positive & (index[:, None] != index) & (slots[:, None] < slots)
    overlaps = jnp.where(pairs, convention.iou(predicted, predicted), 0)
    return Mean(smooth_ln(overlaps, sigma).sum(), (overlaps > 0).sum())


def aggregation(
    deltas: jax.Array, targets: jax.Array, index: jax.Array, positive: jax.Array, num_objects: int
) -> Mean:
    """How far the mean prediction for an object lies from it, where several RoIs are meant for it.

    The mean is that of the encoded errors: zero errors are zero loss, whatever the RoIs. Source:
    OR-CNN (Zhang et al. 2018), equation 3, which does not say in which coordinates.

    Args:
      deltas: [R, 4], predicted by the RoIs of one image for their classes.
      targets: [R, 4], what would lead to their objects.
      index: [R] int32, the instance of a positive RoI.
      positive: [R] bool.
      num_objects: above all indices.

    Returns:
      Its count are the objects with more than one RoI.
    """
    errors = jnp.where(positive[:, None], deltas - targets, 0)
    member = positive & (index == jnp.arange(num_objects)[:, None])  # [N, R]
    sizes = member.sum(-1)
    means = member.astype(errors.dtype) @ errors / jnp.maximum(sizes, 1)[:, None]
    several = sizes > 1
    loss = smooth_l1(jnp.where(several[:, None], means, 0), 1.0)
    return Mean(loss.sum(), several.sum())
