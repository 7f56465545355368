"""Non-maximum suppression without a loop over boxes."""

import jax
import jax.numpy as jnp

from ovis_jax.ops.boxes import pairwise_iou


def nms(
    boxes: jax.Array,
    scores: jax.Array,
    valid: jax.Array,
    iou_threshold: float,
    *,
    inclusive: bool,
    groups: jax.Array | None = None,
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
      inclusive: box convention.
      groups: [N] int, boxes suppress only boxes of their own group; None: all are one group.

    Returns:
      [N] bool, the survivors.
    """
    boxes = jnp.where(valid[:, None], boxes, 0)
    scores = jnp.where(valid, scores, 0)
    index = jnp.arange(len(scores))
    tie = (scores == scores[:, None]) & (index < index[:, None])
    better = (scores > scores[:, None]) | tie  # [box, rival]
    rivals = better & valid & (pairwise_iou(boxes, boxes, inclusive=inclusive) > iou_threshold)
    if groups is not None:
        rivals &= groups == groups[:, None]

    def settle(state):
        keep, _ = state
        return valid & ~jnp.any(rivals & keep, axis=1), keep

    keep, _ = jax.lax.while_loop(
        lambda state: jnp.any(state[0] != state[1]), settle, (valid, jnp.zeros_like(valid))
    )
    return keep
