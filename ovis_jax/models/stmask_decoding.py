"""How STMask makes detections of its anchors. Source: its published code."""

import jax
import jax.numpy as jnp

from ovis_jax.models.heads.shape_anchors import AnchorMaps, decode_anchors
from ovis_jax.ops.nms import Survivors, fast_nms
from ovis_jax.tracking.shifted import MaskedBoxes

SUPPRESSIONS = ("across_classes", "per_class")


def anchor_detections(
    maps: AnchorMaps,
    anchors: jax.Array,
    *,
    suppression: str,
    score_threshold: float,
    nms_iou: float,
    candidates: int,
    capacity: int,
) -> tuple[MaskedBoxes, jax.Array]:
    """The detections of one frame in order of score, and the anchor [D] int32 of each.

    An anchor is a candidate if the probability of one of its classes is above the threshold; scores
    are probabilities times centerness.

    Args:
      maps: of one frame, without the axis of frames.
      anchors: [A, 4].
      suppression: "across_classes": a candidate is a detection of its likeliest class, whatever its
        score, unless it overlaps a better one; scores may be negative. "per_class": it may be one
        of each class whose score is above the threshold.
      score_threshold: see above.
      nms_iou: overlap above which the worse box is dropped.
      candidates: best ones, of each class where classes are suppressed alone, that are looked at.
      capacity: D. Detections beyond it are part of the method where classes are suppressed alone,
        and overflow otherwise.
    """
    if suppression not in SUPPRESSIONS:
        raise ValueError(f"suppression is {suppression!r}; expected one of {SUPPRESSIONS}")
    probs = jax.nn.softmax(maps.logits)[:, 1:]
    boxes = decode_anchors(anchors, maps.deltas)
    best = probs.max(axis=1)
    across = suppression == "across_classes"
    scores = (best[:, None] if across else probs) * maps.centerness[:, None]
    scores = jnp.where(best[:, None] > score_threshold, scores, -jnp.inf)
    kept = fast_nms(
        boxes,
        scores,
        nms_iou,
        -jnp.inf if across else score_threshold,
        candidates=candidates,
        capacity=capacity,
    )
    labels = jnp.argmax(probs, axis=1)[kept.index] if across else kept.labels
    return _chosen(maps, boxes, kept, labels, across), kept.index


def _chosen(
    maps: AnchorMaps, boxes: jax.Array, kept: Survivors, labels: jax.Array, across: bool
) -> MaskedBoxes:
    def clean(x):
        return jnp.where(kept.valid.reshape(-1, *[1] * (x.ndim - 1)), x, 0)

    return MaskedBoxes(
        boxes=clean(boxes[kept.index]),
        scores=kept.scores,
        labels=clean(labels).astype(jnp.int32),
        coefficients=clean(maps.coefficients[kept.index]),
        embeddings=clean(maps.embeddings[kept.index]),
        valid=kept.valid,
        overflow=kept.overflow if across else jnp.zeros_like(kept.overflow),
    )
