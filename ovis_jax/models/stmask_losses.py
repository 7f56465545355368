"""The losses of STMask, from what its heads say of the frames of clips."""

from __future__ import annotations

import flax
import jax
import jax.numpy as jnp

from ovis_jax.models import stmask_pairs as pairs
from ovis_jax.models.heads import shape_anchors as anchor_head
from ovis_jax.models.heads.prototype_mask import prototype_mask_losses
from ovis_jax.models.heads.track_shift import box_shift_losses
from ovis_jax.models.stmask_records import FramePredictions
from ovis_jax.ops.assign import Assignment
from ovis_jax.ops.means import Mean
from ovis_jax.structures import Instances


@flax.struct.dataclass
class Moves:
    """How positive anchors of first frames are moved into the second ones.

    Attributes:
      positives: [B, P] of the first frames.
      slots: [B, P] int32, of their objects in the second frame.
      shared: [B, P] bool, those whose object is in both.
      deltas: [B, P, 4], predicted.
      coefficients: [B, P, C], predicted shifts of coefficients.
    """

    positives: pairs.Positives
    slots: jax.Array
    shared: jax.Array
    deltas: jax.Array
    coefficients: jax.Array


def anchor_means(
    maps: anchor_head.AnchorMaps,
    boxes: jax.Array,
    targets: Assignment,
    instances: Instances,
    settings: anchor_head.AnchorLosses,
    weights: pairs.PairLosses,
) -> dict[str, Mean]:
    """Losses of classes, boxes [F, A, 4] and centerness; negatives are ranked group by group."""
    labels = jnp.take_along_axis(instances.labels, targets.index, axis=1)
    goals = jnp.take_along_axis(instances.boxes, targets.index[..., None], axis=1)
    groups = jax.tree.map(
        lambda x: pairs.grouped(x, weights.group_clips), (maps.logits, labels, targets)
    )
    classes = jax.vmap(lambda *own: anchor_head.anchor_class_loss(*own, settings))(*groups)
    return {
        "class": Mean(classes.total.sum(), len(labels)),
        **anchor_head.anchor_box_losses(boxes, maps.centerness, goals, targets.positive, settings),
    }


def mask_mean(
    predicted: FramePredictions,
    boxes: jax.Array,
    positives: pairs.Positives,
    instances: Instances,
    canvas: tuple[int, int],
    weights: pairs.PairLosses,
) -> Mean:
    """Loss of masks of positive anchors in their own frames; boxes [F, A, 4] cut them."""
    items = pairs.own_masks(
        positives, positives.at(boxes), positives.at(predicted.maps.coefficients), canvas
    )
    losses = prototype_mask_losses(
        items, positives.valid.reshape(-1), predicted.prototypes, instances.masks
    )
    total = jnp.sum(losses * positives.weights.reshape(-1))
    return Mean(weights.mask * total, len(boxes))


def track_mean(
    maps: anchor_head.AnchorMaps,
    positives: pairs.Positives,
    instances: Instances,
    weights: pairs.PairLosses,
) -> Mean:
    """Loss of embeddings of positive anchors, which are compared group by group."""
    values = (
        positives.at(maps.embeddings),
        positives.of_objects(instances.identities),
        positives.weights,
        positives.valid,
    )

    def in_groups(x):
        x = pairs.grouped(x, weights.group_clips)
        return x.reshape(len(x), -1, *x.shape[3:])

    means = jax.vmap(pairs.similarity_loss)(*map(in_groups, values))
    return Mean(weights.track * means.total.sum(), means.count.sum())


def shift_means(
    predicted: FramePredictions,
    moves: Moves,
    instances: Instances,
    canvas: tuple[int, int],
    weights: pairs.PairLosses,
) -> dict[str, Mean]:
    """Losses of the boxes and masks that objects are moved to."""
    reference, following = (pairs.frames_of(instances, number) for number in range(pairs.FRAMES))
    known = pairs.frames_of(predicted.maps.coefficients, 0)
    coefficients = jax.lax.stop_gradient(moves.positives.at(known)) + moves.coefficients
    masks = prototype_mask_losses(
        pairs.next_masks(moves.slots, following, coefficients, canvas),
        moves.shared.reshape(-1),
        jax.lax.stop_gradient(pairs.frames_of(predicted.prototypes, 1)),
        following.masks,
    )
    before = moves.positives.of_objects(reference.boxes)
    after = jnp.take_along_axis(following.boxes, moves.slots[..., None], axis=1)
    boxes = jax.vmap(box_shift_losses)(moves.deltas, before, after, moves.shared)
    masks = masks.reshape(moves.shared.shape)
    return {
        "box_shift": pairs.mean_over_pairs(weights.box_shift * boxes, moves.shared),
        "mask_shift": pairs.mean_over_pairs(weights.mask_shift * masks, moves.shared),
    }
