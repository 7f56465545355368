"""The queries of a frame to detections: best classes, and two rounds of suppression. Source: IDOL.

Q queries, D slots for those that are looked at.
"""

import dataclasses

import flax
import jax
import jax.numpy as jnp

from ovis_jax.ops.boxes import EXCLUSIVE
from ovis_jax.ops.masks import mask_iou
from ovis_jax.ops.nms import nms, survivors

_ADDED_TO_MASKS = 1e-6  # to intersection and union, so that two empty masks overlap


@dataclasses.dataclass(frozen=True)
class Selection:
    """What becomes a detection.

    Attributes:
      score_threshold: of a query's best class, which it has to exceed. If none does, the best query
        is the only detection.
      box_nms: overlap of two boxes of one class, above which the worse one is dropped.
      mask_nms: overlap of the masks of any two detections, likewise.
    """

    score_threshold: float = 0.1
    box_nms: float = 0.9
    mask_nms: float = 0.5


@flax.struct.dataclass
class Candidates:
    """The queries of a frame that are looked at, best first.

    Attributes:
      query: [D] int32.
      scores: [D], of the best class.
      labels: [D] int32.
      valid: [D] bool; valid slots come first.
      overflow: [] int32, queries above the threshold for which there was no slot.
    """

    query: jax.Array
    scores: jax.Array
    labels: jax.Array
    valid: jax.Array
    overflow: jax.Array


def select_queries(logits: jax.Array, boxes: jax.Array, rule: Selection, capacity: int):
    """`Candidates` of queries: above the threshold, best first, after suppression of boxes.

    Args:
      logits: [Q, K].
      boxes: [Q, 4], in any unit.
      rule: what is chosen.
      capacity: D.
    """
    best = jax.nn.sigmoid(logits).max(axis=-1)
    above = best > rule.score_threshold
    alone = ~above.any()
    above = jnp.where(alone, jnp.arange(len(best)) == jnp.argmax(best), above)
    scores, query = jax.lax.top_k(jnp.where(above, best, -1), min(capacity, len(best)))
    padding = (0, capacity - len(scores))
    scores = jnp.pad(scores, padding, constant_values=-1)
    query = jnp.pad(query, padding).astype(jnp.int32)
    labels = logits.argmax(axis=-1).astype(jnp.int32)[query]
    own, valid = boxes[query], scores >= 0
    keep = nms(own, scores, valid, rule.box_nms, convention=EXCLUSIVE, groups=labels)
    found = Candidates(
        query=query,
        scores=scores,
        labels=labels,
        valid=keep,
        overflow=jnp.maximum(above.sum(dtype=jnp.int32) - capacity, 0),
    )
    return _first_valid(found)


def drop_duplicates(candidates: Candidates, mask_logits: jax.Array, rule: Selection):
    """The candidates whose masks no better one covers, whatever their class.

    Args:
      candidates: best first.
      mask_logits: [D, h, w].
      rule: what is dropped.

    Returns:
      The candidates left, and where each of them stood before, [D] int32.
    """
    masks = jax.nn.sigmoid(mask_logits) > 0.5
    overlaps = mask_iou(masks, masks, smoothing=_ADDED_TO_MASKS)
    order = jnp.arange(len(masks))
    better = order < order[:, None]
    keep = survivors(better & (overlaps > rule.mask_nms), candidates.valid)
    place = jnp.argsort(~keep, stable=True).astype(jnp.int32)
    return _first_valid(candidates.replace(valid=keep)), place


def _first_valid(candidates: Candidates) -> Candidates:
    """The same with valid slots first, in their order."""
    order = jnp.argsort(~candidates.valid, stable=True)
    return jax.tree.map(lambda x: x[order] if x.ndim else x, candidates)
