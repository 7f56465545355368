"""Logits and deltas of all anchors to proposals. Source: Ren et al. 2015, Faster R-CNN."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.ops import implementations
from ovis_jax.ops.anchors import take_anchors
from ovis_jax.ops.boxes import BoxConvention
from ovis_jax.ops.nms import nms
from ovis_jax.structures import Proposals

NMS_IOU = 0.7


def decode_proposals(
    logits: jax.Array,
    deltas: jax.Array,
    anchors: Sequence[np.ndarray],
    image_size: jax.Array,
    *,
    level_capacity: int,
    capacity: int,
    convention: BoxConvention,
) -> Proposals:
    """Best boxes of one image: per level top scores and NMS, then the best of all levels.

    Args:
      logits: [A], levels one after another.
      deltas: [A, 4].
      anchors: each level's anchors, [A_l, 4], together A.
      image_size: [2], (height, width) without padding; boxes are clipped to it.
      level_capacity: anchors of a level that enter NMS.
      capacity: proposals.
      convention: what the corners of boxes mean.

    Returns:
      Proposals [capacity, ...] without gradient.
    """
    logits, deltas = jax.lax.stop_gradient((logits, deltas))
    select = _best_of_all_levels if implementations.levels_at_once() else _best_of_each_level
    boxes, scores, keep = select(
        logits, deltas, anchors, image_size, level_capacity, convention=convention
    )
    ranked = jnp.where(keep, scores, -1)
    scores, index = jax.lax.top_k(ranked, min(capacity, len(ranked)))
    padding = capacity - len(index)
    return Proposals(
        boxes=jnp.pad(boxes[index], ((0, padding), (0, 0))),
        scores=jnp.pad(scores, (0, padding)),
        valid=jnp.pad(keep[index], (0, padding)),
    )


def _best_of_each_level(logits, deltas, anchors, image_size, capacity: int, *, convention):
    """Boxes [N, 4], scores [N] and survivors [N] of all levels, one level after the other."""
    found, start = [], 0
    for level in anchors:
        count = len(level)
        level_scores, index = jax.lax.top_k(
            jax.nn.sigmoid(logits[start : start + count]), min(capacity, count)
        )
        level_boxes = convention.decode(
            take_anchors(level, index), deltas[start : start + count][index]
        )
        level_boxes = convention.clip(level_boxes, image_size)
        valid = jnp.ones(len(index), bool)
        keep = nms(level_boxes, level_scores, valid, NMS_IOU, convention=convention)
        found.append((level_boxes, level_scores, keep))
        start += count
    return tuple(jnp.concatenate(x) for x in zip(*found, strict=True))


def _best_of_all_levels(logits, deltas, anchors, image_size, capacity: int, *, convention):
    """The same from one sort and one suppression; slots that a small level leaves are no survivors.

    On accelerators a sort is dear to compile and a loop is dear to begin.
    """
    counts = [len(level) for level in anchors]
    longest, starts = max(counts), np.cumsum([0, *counts[:-1]])
    probs = jax.nn.sigmoid(logits)
    scores = jnp.stack(
        [
            jnp.pad(probs[start : start + count], (0, longest - count), constant_values=-1)
            for start, count in zip(starts, counts, strict=True)
        ]
    )
    scores, index = jax.lax.top_k(scores, min(capacity, longest))  # [L, N]
    valid = scores >= 0
    index = jnp.where(valid, index + starts[:, None], 0)
    boxes = convention.decode(take_anchors(np.concatenate(anchors), index), deltas[index])
    boxes = convention.clip(boxes, image_size)
    keep = jax.vmap(lambda *level: nms(*level, NMS_IOU, convention=convention))(
        boxes, scores, valid
    )
    return boxes.reshape(-1, 4), scores.reshape(-1), keep.reshape(-1)
