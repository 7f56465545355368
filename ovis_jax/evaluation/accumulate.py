"""Precision and recall of one category over all videos.

Letters: T IoU thresholds, R recall points, C groups, N results, M limits of results per video.
"""

from collections.abc import Sequence

import numpy as np

from ovis_jax.evaluation.matching import IOU_THRESHOLDS, Matches

RECALL_POINTS = np.linspace(0, 1, 101)  # not k/100: some lie one unit in the last place above
RESULT_LIMITS = (1, 10, 100)


def accumulate(videos: Sequence[Matches], num_groups: int) -> tuple[np.ndarray, np.ndarray]:
    """Precision and recall of one category.

    Args:
      videos: matches of each video with results or ground truth, by ascending video id.
      num_groups: C.

    Returns:
      precision [T, R, C, M] at each recall point and recall [T, C, M], in [0, 1]; -1 in groups
      without ground truth.
    """
    precision = np.full(
        (len(IOU_THRESHOLDS), len(RECALL_POINTS), num_groups, len(RESULT_LIMITS)), -1.0
    )
    recall = np.full((len(IOU_THRESHOLDS), num_groups, len(RESULT_LIMITS)), -1.0)
    num_truths = sum((video.num_truths for video in videos), np.zeros(num_groups, np.int64))
    groups = np.flatnonzero(num_truths)
    if groups.size:
        for i, limit in enumerate(RESULT_LIMITS):
            true, false = _ranked(videos, limit, groups)
            precision[:, :, groups, i] = precision_at_recalls(true, false, num_truths[groups])
            recall[:, groups, i] = true.sum(-1) / num_truths[groups]
    return precision, recall


def precision_at_recalls(true: np.ndarray, false: np.ndarray, num_truths: np.ndarray) -> np.ndarray:
    """Highest precision at each recall point or beyond it.

    Args:
      true: [T, C, N] bool, true positives by descending score.
      false: [T, C, N] bool, false positives.
      num_truths: [C] int, above 0.

    Returns:
      [T, R, C] float64; 0 where the recall is never reached.
    """
    num_true, num_false = np.cumsum(true, axis=-1), np.cumsum(false, axis=-1)
    precision = num_true / (num_true + num_false + np.spacing(1))
    precision = np.maximum.accumulate(precision[..., ::-1], axis=-1)[..., ::-1]
    precision = np.pad(precision, [(0, 0), (0, 0), (0, 1)])  # where a recall is never reached
    positions = _first_positions(num_true, _needed(num_truths))  # [T, C, R]
    return np.take_along_axis(precision, positions, -1).swapaxes(1, 2)


def _ranked(
    videos: Sequence[Matches], limit: int, groups: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """True and false positives [T, C, N] of all videos by descending score, ties in given order."""
    scores = np.concatenate([video.scores[:limit] for video in videos])
    order = np.argsort(-scores, kind="stable")
    true = np.concatenate([video.true_positive[:, groups, :limit] for video in videos], axis=-1)
    false = np.concatenate([video.false_positive[:, groups, :limit] for video in videos], axis=-1)
    return true[..., order], false[..., order]


def _needed(num_truths: np.ndarray) -> np.ndarray:
    """[C, R] int, the fewest true positives that reach each recall point."""
    return np.stack([np.searchsorted(np.arange(n + 1) / n, RECALL_POINTS) for n in num_truths])


def _first_positions(num_true: np.ndarray, needed: np.ndarray) -> np.ndarray:
    """First result at which enough were found, or N if there is none.

    Args:
      num_true: [T, C, N] int, not falling along the last axis.
      needed: [C, R] int.

    Returns:
      [T, C, R] int in [0, N].
    """
    thresholds, groups, size = num_true.shape
    rows = np.arange(thresholds * groups).reshape(thresholds, groups, 1)
    ascending = (num_true + rows * (size + 2)).ravel()  # rows one above the other: one search
    wanted = np.minimum(needed, size + 1) + rows * (size + 2)
    return np.searchsorted(ascending, wanted) - rows * size
