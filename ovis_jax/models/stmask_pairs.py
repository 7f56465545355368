"""What STMask trains on: positive anchors of pairs of frames, and the losses between them.

Frames of clips stand one after the other: first and second of a clip, then those of the next one.
"""

import dataclasses

import flax
import jax
import jax.numpy as jnp

from ovis_jax.models.heads.prototype_mask import PrototypeMasks
from ovis_jax.models.heads.shape_anchors import positive_weights
from ovis_jax.models.matching import pair_matches, track_targets
from ovis_jax.ops.assign import Assignment
from ovis_jax.ops.boxes import EXCLUSIVE
from ovis_jax.ops.means import Mean
from ovis_jax.structures import Clips, Instances

FRAMES = 2  # of a clip
_CROP_GROWTH = 1.2  # of a predicted box, before masks are cut to it
_CROP_LIMITS = (1e-5, 1.0)
_SMALLEST_DISTANCE = 1e-7  # between cosines, so that no logarithm is infinite


@dataclasses.dataclass(frozen=True)
class PairLosses:
    """Weights of the losses of masks, embeddings and shifts.

    Attributes:
      mask: of the cross-entropy of masks.
      track: of the similarity of embeddings.
      box_shift: of the distance between shifts of boxes.
      mask_shift: of the cross-entropy of masks with shifted coefficients.
      group_clips: clips whose negatives are ranked together and whose embeddings are compared; they
        need to be those of different videos. 0: all that are at hand.
    """

    mask: float = 6.125
    track: float = 5.0
    box_shift: float = 5.0
    mask_shift: float = 6.125
    group_clips: int = 1


@flax.struct.dataclass
class Positives:
    """Positive anchors of frames, in the order of anchors.

    Attributes:
      anchor: [F, P] int32.
      index: [F, P] int32, their objects.
      weights: [F, P] float32, one share of each positive anchor of a frame.
      valid: [F, P] bool.
    """

    anchor: jax.Array
    index: jax.Array
    weights: jax.Array
    valid: jax.Array

    def at(self, values: jax.Array) -> jax.Array:
        """Values [F, P, ...] of arrays [F, A, ...]."""
        return jax.vmap(lambda x, i: x[i])(values, self.anchor)

    def of_objects(self, values: jax.Array) -> jax.Array:
        """Values [F, P, ...] of arrays [F, N, ...] of objects."""
        return jax.vmap(lambda x, i: x[i])(values, self.index)


def frame_instances(batch: Clips) -> Instances:
    """Objects [F, N, ...] of all frames, with boxes relative to the canvas.

    Boxes end inside the image. Objects whose box has no extent, of a single row or column of
    pixels, are none: their shift would be infinite.
    """
    height, width = batch.frames.shape[2:4]
    instances = jax.tree.map(lambda x: x[:, :FRAMES].reshape(-1, *x.shape[2:]), batch.instances)
    sizes = jnp.repeat(batch.image_size, FRAMES, axis=0)
    boxes = jnp.where(instances.valid[..., None], instances.boxes, 0)
    boxes = jax.vmap(EXCLUSIVE.clip)(boxes, sizes)
    extends = jnp.all(boxes[..., 2:] > boxes[..., :2], axis=-1)
    valid = instances.valid & extends
    boxes = jnp.where(valid[..., None], boxes, 0) / jnp.float32([width, height, width, height])
    return instances.replace(boxes=boxes, labels=jnp.where(valid, instances.labels, 0), valid=valid)


def positive_anchors(targets: Assignment, capacity: int) -> Positives:
    """The first positive anchors of frames [F, A], P of each."""
    positive, anchor = jax.lax.top_k(targets.positive.astype(jnp.float32), capacity)
    weights = positive_weights(targets.positive)
    return Positives(
        anchor=anchor.astype(jnp.int32),
        index=jnp.take_along_axis(targets.index, anchor, axis=1),
        weights=jnp.take_along_axis(weights, anchor, axis=1),
        valid=positive > 0,
    )


def own_masks(
    positives: Positives, boxes: jax.Array, coefficients: jax.Array, canvas: tuple[int, int]
) -> PrototypeMasks:
    """Masks [F * P] of positive anchors in their own frames, cut to their predicted boxes.

    Args:
      positives: [F, P].
      boxes: [F, P, 4], predicted.
      coefficients: [F, P, C].
      canvas: (height, width).
    """
    image = jnp.arange(len(boxes), dtype=jnp.int32)[:, None]
    crops = _grown(boxes)
    return _flat(
        PrototypeMasks(
            coefficients=coefficients,
            boxes=crops,
            areas=jnp.prod(jnp.maximum(_pixel_sizes(crops, canvas), 1), axis=-1),
            image=jnp.broadcast_to(image, positives.valid.shape),
            index=positives.index,
        )
    )


def next_masks(
    slots: jax.Array, following: Instances, coefficients: jax.Array, canvas: tuple[int, int]
) -> PrototypeMasks:
    """Masks [B * P] of positive anchors of first frames in the next ones, cut to annotated boxes.

    Args:
      slots: [B, P] int32, of their objects in the next frame.
      following: [B, N, ...] of the next frames.
      coefficients: [B, P, C].
      canvas: (height, width).
    """
    image = jnp.arange(len(slots), dtype=jnp.int32)[:, None]
    boxes = jnp.take_along_axis(following.boxes, slots[..., None], axis=1)
    return _flat(
        PrototypeMasks(
            coefficients=coefficients,
            boxes=boxes,
            areas=jnp.prod(_pixel_sizes(boxes, canvas), axis=-1),
            image=jnp.broadcast_to(image, slots.shape),
            index=slots,
        )
    )


def _flat(items: PrototypeMasks) -> PrototypeMasks:
    return jax.tree.map(lambda x: x.reshape(-1, *x.shape[2:]), items)


def _grown(boxes: jax.Array) -> jax.Array:
    """Boxes 1.2 times as wide and high, cut to the frame; no gradient."""
    boxes = jax.lax.stop_gradient(boxes)
    centers, sizes = (boxes[..., :2] + boxes[..., 2:]) / 2, boxes[..., 2:] - boxes[..., :2]
    half = sizes * _CROP_GROWTH / 2
    return jnp.clip(jnp.concatenate([centers - half, centers + half], -1), *_CROP_LIMITS)


def _pixel_sizes(boxes: jax.Array, canvas: tuple[int, int]) -> jax.Array:
    """Widths and heights [..., 2] in pixels of relative boxes [..., 4]."""
    height, width = canvas
    return (boxes[..., 2:] - boxes[..., :2]) * jnp.float32([width, height])


def next_slots(
    positives: Positives, reference: Instances, following: Instances
) -> tuple[jax.Array, jax.Array]:
    """Where the objects of positive anchors [B, P] of first frames stand in the next frames.

    Returns:
      Slots [B, P] int32, and which exist, [B, P] bool; elsewhere they are 0.
    """
    matches = jax.vmap(pair_matches)(reference, following)
    slots = jax.vmap(track_targets)(matches, positives.index, positives.valid)
    return jnp.maximum(slots - 1, 0), slots > 0


def mean_over_pairs(losses: jax.Array, counts: jax.Array) -> Mean:
    """Mean over anchors, then over pairs of losses [B, P]; a pair without any counts as 0."""
    total = jnp.sum(jnp.where(counts, losses, 0), axis=1)
    return Mean.of(total / jnp.maximum(counts.sum(axis=1), 1))


def similarity_loss(
    embeddings: jax.Array, identities: jax.Array, weights: jax.Array, valid: jax.Array
) -> Mean:
    """How alike embeddings of one object are and how unlike those of others, over all pairs.

    The similarity of a pair is (cosine + 1) / 2; its loss is the negative logarithm of that, or of
    its distance to 1 for different objects. Its weight is the product of both weights.

    Args:
      embeddings: [R, E] of length 1.
      identities: [R] int32.
      weights: [R].
      valid: [R] bool.
    """
    embeddings = jnp.where(valid[:, None], embeddings, 0)
    similar = (embeddings @ embeddings.T + 1) / 2
    right = jnp.where(identities[:, None] == identities, similar, 1 - similar)
    order = jnp.arange(len(valid))
    pairs = valid[:, None] & valid & (order[:, None] < order)
    losses = -jnp.log(jnp.where(pairs, jnp.maximum(right, _SMALLEST_DISTANCE), 1))
    weights = jnp.where(pairs, weights[:, None] * weights, 0)
    return Mean(jnp.sum(losses * weights), jnp.sum(weights))


def frames_of(tree, number: int):
    """The first (0) or the second (1) frames of all clips, of arrays [F, ...]."""
    return jax.tree.map(lambda x: x[number::FRAMES], tree)


def grouped(x: jax.Array, clips: int) -> jax.Array:
    """Arrays [F, ...] of frames as [groups, frames of a group, ...]; 0 clips: one group.

    Raises:
      ValueError: the clips are no whole groups.
    """
    size = FRAMES * clips or len(x)
    if len(x) % size:
        raise ValueError(
            f"{len(x) // FRAMES} clips are no whole groups of {clips} "
            "(config.model.pair_losses.group_clips)"
        )
    return x.reshape(-1, size, *x.shape[1:])
