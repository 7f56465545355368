"""Non-maximum suppression without a loop over boxes: the exact greedy rule, and a faster one."""

import flax
import jax
import jax.numpy as jnp

from ovis_jax.ops.boxes import EXCLUSIVE, BoxConvention


def nms(
    boxes: jax.Array,
    scores: jax.Array,
    valid: jax.Array,
    iou_threshold: float,
    *,
    convention: BoxConvention,
    groups: jax.Array | None = None,
    densities: jax.Array | None = None,
) -> jax.Array:
    """Exact greedy suppression: a box survives unless a better survivor overlaps it too much.

    The rule is applied to all boxes at once until nothing changes. After k rounds every box whose
    chain of better rivals is shorter than k is settled, so the result is that of the sequential
    algorithm, after few rounds (about ten for a thousand proposals).

    Args:
      boxes: [N, 4], in any order.
      scores: [N]; of equal scores the lower index is better.
      valid: [N] bool; other slots neither survive nor suppress.
      iou_threshold: a box is suppressed by an IoU strictly above it.
      convention: what the corners of boxes mean.
      groups: [N] int, boxes suppress only boxes of their own group; None: all are one group.
      densities: [N]; a box suppresses what overlaps it by more than this, if that is more than
        `iou_threshold`. Source: Liu et al. 2019, Adaptive NMS. None: by more than `iou_threshold`.

    Returns:
      [N] bool, the survivors.
    """
    thresholds = iou_threshold if densities is None else jnp.maximum(densities, iou_threshold)
    boxes = jnp.where(valid[:, None], boxes, 0)
    scores = jnp.where(valid, scores, 0)
    index = jnp.arange(len(scores))
    tie = (scores == scores[:, None]) & (index < index[:, None])
    better = (scores > scores[:, None]) | tie  # [box, rival]
    rivals = better & valid & (convention.iou(boxes, boxes) > thresholds)
    if groups is not None:
        rivals &= groups == groups[:, None]
    return survivors(rivals, valid)


def survivors(rivals: jax.Array, valid: jax.Array) -> jax.Array:
    """Exact greedy suppression among any items; see `nms`.

    Args:
      rivals: [N, N] bool, [item, rival]: the rival is better than the item, and suppresses it
        unless it is suppressed itself.
      valid: [N] bool; other slots neither survive nor suppress.

    Returns:
      [N] bool, the survivors.
    """
    rivals = rivals & valid

    def settle(state):
        keep, _ = state
        return valid & ~jnp.any(rivals & keep, axis=1), keep

    keep, _ = jax.lax.while_loop(
        lambda state: jnp.any(state[0] != state[1]), settle, (valid, jnp.zeros_like(valid))
    )
    return keep


@flax.struct.dataclass
class Survivors:
    """Boxes of several classes that suppression left, in order of score.

    Attributes:
      index: [D] int32, of the box.
      labels: [D] int32.
      scores: [D].
      valid: [D] bool.
      overflow: [] int32, survivors for which there was no slot.
    """

    index: jax.Array
    labels: jax.Array
    scores: jax.Array
    valid: jax.Array
    overflow: jax.Array


def fast_nms(
    boxes: jax.Array,
    scores: jax.Array,
    iou_threshold: float,
    score_threshold: float,
    *,
    candidates: int,
    capacity: int,
    densities: jax.Array | None = None,
) -> Survivors:
    """Drops a box that overlaps a better one of its class, whether that one survives or not.

    One box can survive for several classes. Sizes are exclusive. Of two empty boxes at one place
    the worse one is dropped, as in the published code, where their overlap is no number.
    Source: YOLACT, fast NMS.

    Args:
      boxes: [N, 4].
      scores: [N, K]; of equal scores the lower index is better. They may be negative; -inf: the box
        is no candidate.
      iou_threshold: a box is dropped by an IoU strictly above it.
      score_threshold: what survives scores strictly above it; -inf: all candidates may survive.
      candidates: best boxes of each class that are looked at.
      capacity: D; the best survivors of all classes are kept.
      densities: [N], as of `nms`.
    """
    scores, index = jax.lax.top_k(scores.T, min(candidates, len(boxes)))  # [K, C]

    def overlaps(own):
        return _overlap_of_better(*jax.tree.map(lambda x: x[own], (boxes, densities)))

    overlap = jax.vmap(overlaps)(index)
    keep = (overlap <= iou_threshold) & (scores > score_threshold)
    ranked = jnp.where(keep, scores, -jnp.inf).reshape(-1)
    best, place = jax.lax.top_k(ranked, min(capacity, len(ranked)))
    padding = (0, capacity - len(best))
    best, place = jnp.pad(best, padding, constant_values=-jnp.inf), jnp.pad(place, padding)
    valid = best > score_threshold
    return Survivors(
        index=index.reshape(-1)[place].astype(jnp.int32),
        labels=(place // index.shape[1]).astype(jnp.int32),
        scores=jnp.where(valid, best, 0),
        valid=valid,
        overflow=jnp.maximum(jnp.sum(keep, dtype=jnp.int32) - capacity, 0),
    )


def _overlap_of_better(boxes: jax.Array, densities: jax.Array | None) -> jax.Array:
    """Largest IoU [N] of each box [N, 4] with one before it; infinite if both are empty.

    An overlap that is not above the density of the earlier box is none.
    """
    iou = EXCLUSIVE.iou(boxes, boxes)
    if densities is not None:
        iou = jnp.where(iou > densities, iou, 0)
    empty = EXCLUSIVE.areas(boxes) == 0
    iou = jnp.where(empty[:, None] & empty, jnp.inf, iou)
    order = jnp.arange(len(boxes))
    return jnp.max(jnp.where(order < order[:, None], iou, 0), axis=1)
