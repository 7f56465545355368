"""What transformers makes of the queries of a single frame: maps of segments, no tracks; numpy.

Source: `VideomtVideoProcessor` of transformers 5.24, whose functions after the model these are.
Numbers of segments count up from 0 in each frame: they are not identities.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import numpy as np

from ovis_jax.ops.resize import bilinear_weights

NOTHING = -1  # in a map: no segment there
_DECIMALS = 6  # of reported scores
_TINY = 1e-6


@dataclasses.dataclass(frozen=True)
class Segment:
    """One segment of a frame.

    Attributes:
      id: its number in the map.
      label: class in [0, K).
      score: in [0, 1], rounded.
    """

    id: int
    label: int
    score: float


@dataclasses.dataclass(frozen=True)
class Segments:
    """A frame's segments.

    Attributes:
      map: [H, W] int32, number of each pixel's segment, or NOTHING.
      segments: in the order of their numbers.
    """

    map: np.ndarray
    segments: Sequence[Segment]


def instance_segments(
    class_logits: np.ndarray, mask_logits: np.ndarray, size: tuple[int, int], threshold: float = 0.5
) -> Segments:
    """Objects above a score; where they overlap, later queries lie on top.

    A score is the highest class probability times the mean mask probability inside the mask.

    Args:
      class_logits: [Q, K + 1], "no object" last.
      mask_logits: [Q, h, w], on a grid over the whole frame.
      size: (height, width) of the maps.
      threshold: least score.
    """
    inside = _resized(mask_logits, size) > 0
    scores = query_scores(class_logits, mask_logits, size)
    labels = class_logits[:, :-1].argmax(1)
    found, segments = np.full(size, NOTHING, np.int32), []
    for query in np.flatnonzero(scores >= threshold):
        if inside[query].any():
            number = len(segments)
            found[inside[query]] = number
            segments.append(_segment(number, labels[query], scores[query]))
    return Segments(found, segments)


def query_scores(
    class_logits: np.ndarray, mask_logits: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """Scores [Q] of the queries as objects; arguments as `instance_segments`."""
    masks = _resized(mask_logits, size)
    inside = masks > 0
    sums = (_sigmoid(masks) * inside).sum((1, 2))
    quality = sums / (inside.sum((1, 2)) + np.float32(_TINY))
    return _softmax(class_logits)[:, :-1].max(1) * quality


def panoptic_segments(
    class_logits: np.ndarray,
    mask_logits: np.ndarray,
    size: tuple[int, int],
    *,
    threshold: float = 0.8,
    mask_threshold: float = 0.5,
    overlap: float = 0.8,
    fused: Collection[int] = (),
) -> Segments:
    """Segments that do not overlap: every pixel goes to the query with the greatest product.

    Args:
      class_logits: [Q, K + 1], "no object" last.
      mask_logits: [Q, h, w], on a grid over the whole frame.
      size: (height, width) of the maps.
      threshold: a query with no more class probability is left out.
      mask_threshold: least mask probability of a pixel.
      overlap: share of its own mask that a segment must more than win.
      fused: classes of which a frame has one segment at most.
    """
    probs = _softmax(class_logits)
    labels, scores = probs.argmax(1), probs.max(1)
    kept = (labels != probs.shape[1] - 1) & (scores > threshold)
    found, segments = np.full(size, NOTHING, np.int32), []
    if not kept.any():
        return Segments(found, segments)
    masks = _sigmoid(_resized(mask_logits[kept], size))
    winner = (scores[kept][:, None, None] * masks).argmax(0)
    known: dict[int, int] = {}
    for query, (label, score) in enumerate(zip(labels[kept], scores[kept], strict=True)):
        own, all_won = masks[query] >= mask_threshold, winner == query
        won = all_won & own
        # What is compared counts pixels outside the segment's mask, too, as there.
        if not won.any() or all_won.sum() / own.sum() <= overlap:
            continue
        if label in fused and label in known:
            found[won] = known[label]
            continue
        number = known[label] = len(segments)
        found[won] = number
        segments.append(_segment(number, label, score))
    return Segments(found, segments)


def semantic_map(
    class_logits: np.ndarray, mask_logits: np.ndarray, size: tuple[int, int]
) -> np.ndarray:
    """The class [H, W] int32 of each pixel; products are made on the grid and then resized.

    Arguments as `instance_segments`.
    """
    probs = _softmax(class_logits)[:, :-1]
    products = np.einsum("qk,qhw->khw", probs, _sigmoid(mask_logits))
    return _resized(products, size).argmax(0).astype(np.int32)


def _segment(number: int, label: int, score: float) -> Segment:
    return Segment(number, int(label), round(float(score), _DECIMALS))


def _resized(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[N, h, w] to [N, H, W], bilinear."""
    rows, columns = (
        bilinear_weights(old, new).astype(np.float32)
        for old, new in zip(maps.shape[1:], size, strict=True)
    )
    return rows @ np.asarray(maps, np.float32) @ columns.T


def _softmax(logits: np.ndarray) -> np.ndarray:
    exponentials = np.exp(logits - logits.max(-1, keepdims=True))
    return exponentials / exponentials.sum(-1, keepdims=True)


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-np.maximum(logits, -80.0)))
