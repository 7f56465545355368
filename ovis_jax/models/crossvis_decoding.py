"""How CrossVIS makes detections of the points of its head. Source: its published code."""

from collections.abc import Callable, Sequence

import flax
import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.ops.boxes import EXCLUSIVE, corner_factors
from ovis_jax.ops.nms import nms
from ovis_jax.ops.points import boxes_from_distances
from ovis_jax.structures import BoxDetections


@flax.struct.dataclass
class Candidates:
    """Points with one of their classes, before suppression.

    Attributes:
      boxes: [C, 4] float32, pixels of the resized frame; they may reach out of it.
      scores: [C] float32, roots of class probability times centerness; 0 where not valid.
      labels: [C] int32.
      point: [C] int32.
      valid: [C] bool.
      overflow: [] int32, candidates for which there was no slot.
    """

    boxes: jax.Array
    scores: jax.Array
    labels: jax.Array
    point: jax.Array
    valid: jax.Array
    overflow: jax.Array


def point_candidates(
    probs: jax.Array,
    distances: jax.Array,
    points: Sequence[np.ndarray],
    *,
    threshold: float,
    level_candidates: int,
    capacity: int,
) -> Candidates:
    """The best pairs of a point and a class of each level, and of those the best ones.

    Args:
      probs: [A, K], class probability times centerness.
      distances: [A, 4], pixels of the resized frame.
      points: each level's points, [A_l, 2], together A.
      threshold: a candidate's probability is above it.
      level_candidates: at most so many of each level; part of the method, not counted as overflow.
      capacity: C.

    Returns:
      By descending score.
    """
    classes = probs.shape[-1]
    found, start = [], 0
    for level in points:
        own = probs[start : start + len(level)].reshape(-1)
        best, place = jax.lax.top_k(own, min(level_candidates, len(own)))
        found.append((best, place + start * classes))
        start += len(level)
    best, place = (jnp.concatenate(x) for x in zip(*found, strict=True))
    best = jnp.where(best > threshold, best, 0)
    best, order = jax.lax.top_k(best, min(capacity, len(best)))
    point = place[order] // classes
    places = jnp.concatenate([jnp.asarray(level) for level in points])[point]
    return Candidates(
        boxes=boxes_from_distances(places, distances[point]),
        scores=jnp.sqrt(best),
        labels=(place[order] % classes).astype(jnp.int32),
        point=point.astype(jnp.int32),
        valid=best > 0,
        overflow=_count_above(found, threshold) - jnp.sum(best > 0, dtype=jnp.int32),
    )


def _count_above(found: list[tuple[jax.Array, jax.Array]], threshold: float) -> jax.Array:
    return sum(jnp.sum(best > threshold, dtype=jnp.int32) for best, _ in found)


def suppress(
    candidates: Candidates,
    *,
    nms_iou: float,
    capacity: int,
    density: Callable[[jax.Array], jax.Array] | None = None,
) -> Candidates:
    """The candidates that survive suppression within their class, in order of score.

    Args:
      candidates: of one image, in order of score.
      nms_iou: a box is suppressed by a better one of its class with a greater IoU.
      capacity: D; the best survivors stay, others count as overflow. (The published code keeps more
        than its limit if several share the last score.)
      density: from boxes [C, 4] to their densities [C] for `nms`; None: NMS has one threshold.
    """
    kept = nms(
        candidates.boxes,
        candidates.scores,
        candidates.valid,
        nms_iou,
        convention=EXCLUSIVE,
        groups=candidates.labels,
        densities=None if density is None else density(candidates.boxes),
    )
    lost = jnp.maximum(jnp.sum(kept, dtype=jnp.int32) - capacity, 0)
    order = jnp.argsort(~kept, stable=True)[:capacity]
    missing = capacity - len(order)

    def chosen(x):
        return jnp.pad(x[order], [(0, missing)] + [(0, 0)] * (x.ndim - 1))

    survivors = jax.tree.map(chosen, candidates.replace(valid=kept, overflow=None))
    return survivors.replace(overflow=candidates.overflow + lost)


def points_of_boxes(
    boxes: jax.Array,
    points: Sequence[np.ndarray],
    regress_ranges: Sequence[tuple[float, float]],
) -> jax.Array:
    """[N] int32, the point of each box: the nearest to its centre, of the level for its size.

    Args:
      boxes: [N, 4], pixels of the resized frame.
      points: each level's points, [A_l, 2], together A.
      regress_ranges: of the distance to the farthest side of a box, from and to, of each level.
    """
    sizes = jnp.max(boxes[:, 2:] - boxes[:, :2], axis=-1, keepdims=True) / 2
    ends = np.float32([end for _, end in regress_ranges[:-1]])
    own_level = jnp.sum(sizes > ends, axis=-1, keepdims=True)
    levels = np.repeat(np.arange(len(points)), [len(level) for level in points])
    centers = (boxes[:, :2] + boxes[:, 2:]) / 2
    offsets = centers[:, None] - np.concatenate(points)
    squares = jnp.where(own_level == levels, jnp.sum(offsets**2, axis=-1), jnp.inf)
    return jnp.argmin(squares, axis=-1).astype(jnp.int32)


def in_original_frame(
    candidates: Candidates, image_size: jax.Array, scale: jax.Array
) -> BoxDetections:
    """Detections with boxes clipped to the original frame, without those that are empty then.

    Args:
      candidates: those that survived.
      image_size: [2], (height, width) of the resized frame.
      scale: [2] or [], resized pixels per original pixel in x and in y, or in both.
    """
    boxes, original_size = to_original(candidates.boxes, image_size, scale)
    boxes = EXCLUSIVE.clip(boxes, original_size)
    valid = candidates.valid & jnp.all(boxes[:, 2:] > boxes[:, :2], axis=-1)
    order = jnp.argsort(~valid, stable=True)
    return BoxDetections(
        boxes=boxes[order],
        scores=candidates.scores[order],
        labels=candidates.labels[order],
        source=candidates.point[order],
        valid=valid[order],
        overflow=candidates.overflow,
    )


def to_original(
    boxes: jax.Array, image_size: jax.Array, scale: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Boxes [N, 4] in pixels of the original frame, and its size [2] as (height, width).

    Args:
      boxes: [N, 4], pixels of the resized frame.
      image_size: [2], (height, width) of the resized frame.
      scale: [2] or [], resized pixels per original pixel in x and in y, or in both.
    """
    factors = corner_factors(scale)
    return boxes / factors, jnp.rint(image_size / factors[1::-1])
