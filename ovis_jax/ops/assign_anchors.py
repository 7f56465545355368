"""Which anchors stand for which object where confident classes raise the bar: STMask."""

import dataclasses

import jax
import jax.numpy as jnp

from ovis_jax.ops.assign import Assignment
from ovis_jax.ops.boxes import EXCLUSIVE

_CLAIMED = 2.0  # overlap of an anchor that an object has claimed: above every threshold


@dataclasses.dataclass(frozen=True)
class AnchorThresholds:
    """Overlaps that decide what an anchor stands for; see `assign_anchors`.

    Attributes:
      positive: from it on an anchor belongs to an object.
      negative: below it it is background.
      crowded: overlap that an anchor is given which overlaps two objects by more than `negative`.
    """

    positive: float = 0.5
    negative: float = 0.4
    crowded: float = 0.45


def assign_anchors(
    anchors: jax.Array,
    class_loss: jax.Array,
    targets: jax.Array,
    valid: jax.Array,
    thresholds: AnchorThresholds,
) -> Assignment:
    """Assigns anchors to objects by overlap and by how well they know the object's class.

    An anchor's overlap is that with the object that it overlaps most, or `thresholds.crowded` if it
    is between two objects. One above `thresholds.positive` grows by 2 / (1 + exp(loss of the
    object's class)), and both thresholds grow by the mean of these. Then every object claims an
    anchor, the pair of largest overlap first; no anchor is claimed twice. Without any object all
    anchors are background. Source: STMask's published code.

    Args:
      anchors: [A, 4]; sizes are exclusive.
      class_loss: [N, A], cross-entropy of each anchor if it stood for each object; no gradient.
      targets: [N, 4], boxes of the objects.
      valid: [N] bool.
      thresholds: see above.
    """
    targets = jnp.where(valid[:, None], targets, 0)
    iou = jnp.where(valid[:, None], EXCLUSIVE.iou(targets, anchors), -1)  # [N, A]
    # Claims and overlaps must see the same rounding, so it is computed once.
    iou = jax.lax.optimization_barrier(iou)
    best, index = iou.max(axis=0), _first_of_best(iou)
    crowded = jnp.sum(iou > thresholds.negative, axis=0) >= 2
    best = jnp.where(crowded, thresholds.crowded, best)
    own_loss = jnp.take_along_axis(class_loss, index[None], axis=0)[0]
    grows = best > thresholds.positive
    growth = jnp.where(grows, 2 / (1 + jnp.exp(jnp.where(grows, own_loss, 0))), 0)
    growth = jax.lax.stop_gradient(growth)
    raised = jnp.sum(growth) / jnp.maximum(jnp.sum(grows), 1)
    best, index = _claim(iou, best + growth, index)
    return Assignment(
        positive=best >= thresholds.positive + raised,
        negative=best < thresholds.negative + raised,
        index=index,
    )


def _first_of_best(iou: jax.Array) -> jax.Array:
    """The object [A] int32 that each anchor overlaps most, of [N, A]; the first of equals."""
    number = jnp.arange(len(iou), dtype=jnp.int32)[:, None]
    # A reduction of numbers: an argmax over the first axis is several times slower on CPUs.
    return jnp.min(jnp.where(iou == iou.max(axis=0), number, len(iou) - 1), axis=0)


def _claim(iou: jax.Array, best: jax.Array, index: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Overlaps and objects [A] after every object has claimed an anchor."""

    def claim(_, state):
        left, best, index = state
        rows = left.max(axis=1)
        target = jnp.argmax(rows)
        anchor = jnp.argmax(left[target])
        exists = rows[target] >= 0  # neither objects nor anchors are left otherwise
        best = best.at[anchor].set(jnp.where(exists, _CLAIMED, best[anchor]))
        index = index.at[anchor].set(jnp.where(exists, target, index[anchor]).astype(index.dtype))
        return left.at[:, anchor].set(-1).at[target].set(-1), best, index

    _, best, index = jax.lax.fori_loop(0, len(iou), claim, (iou, best, index))
    return best, index
