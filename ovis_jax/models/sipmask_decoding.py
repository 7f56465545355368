"""How SipMask makes detections of the points of its head. Source: its published code."""

from collections.abc import Callable, Sequence

import flax
import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.ops.boxes import INCLUSIVE, corner_factors
from ovis_jax.ops.nms import fast_nms
from ovis_jax.ops.points import boxes_from_distances
from ovis_jax.structures import BoxDetections


@flax.struct.dataclass
class PointBoxes:
    """Boxes of some of the points of an image. All slots are valid.

    Attributes:
      boxes: [C, 4] float32, pixels of the original frame.
      scores: [C, K] float32.
      point: [C] int32, where each comes from.
    """

    boxes: jax.Array
    scores: jax.Array
    point: jax.Array


def best_points(
    scores: jax.Array,
    distances: jax.Array,
    points: Sequence[np.ndarray],
    image_size: jax.Array,
    scale: jax.Array,
    level_candidates: int,
) -> PointBoxes:
    """The best points of each level as boxes.

    Args:
      scores: [A, K], class probability times centerness.
      distances: [A, 4], pixels of the resized frame.
      points: each level's points, [A_l, 2], together A.
      image_size: [2], (height, width) of the resized frame; boxes are clipped to it.
      scale: [2] or [], resized pixels per original pixel in x and in y, or in both.
      level_candidates: points of each level that are decoded, those of the best scores.

    Returns:
      Level after level, by their best class; a level with few points keeps its order.
    """
    index, start = [], 0
    for level in points:
        best = scores[start : start + len(level)].max(axis=-1)
        if len(level) > level_candidates:
            index.append(start + jax.lax.top_k(best, level_candidates)[1])
        else:
            index.append(start + jnp.arange(len(level)))
        start += len(level)
    index = jnp.concatenate(index)
    places = jnp.concatenate([jnp.asarray(level) for level in points])[index]
    boxes = boxes_from_distances(places, distances[index])
    boxes = INCLUSIVE.clip(boxes, image_size) / corner_factors(scale)
    return PointBoxes(boxes=boxes, scores=scores[index], point=index.astype(jnp.int32))


def suppress(
    points: PointBoxes,
    *,
    score_threshold: float,
    nms_iou: float,
    class_candidates: int,
    capacity: int,
    density: Callable[[jax.Array], jax.Array] | None = None,
) -> BoxDetections:
    """Detections in order of score; fast NMS runs per class, in original pixels.

    Args:
      points: of one image.
      score_threshold: a detection scores above it.
      nms_iou: a box is dropped by a better one of its class with a greater IoU.
      class_candidates: boxes of each class that enter NMS, the best ones.
      capacity: D.
      density: from boxes [C, 4] to their densities [C] for `fast_nms`; None: NMS has one threshold.
    """
    kept = fast_nms(
        points.boxes,
        points.scores,
        nms_iou,
        score_threshold,
        candidates=class_candidates,
        capacity=capacity,
        densities=None if density is None else density(points.boxes),
    )
    return BoxDetections(
        boxes=points.boxes[kept.index],
        scores=kept.scores,
        labels=kept.labels,
        source=points.point[kept.index],
        valid=kept.valid,
        overflow=kept.overflow,
    )
