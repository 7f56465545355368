"""Matches of all videos → precision and recall curves."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ovis_jax.evaluation.matching import IOU_THRESHOLDS, Matches

RECALL_POINTS = np.linspace(0, 1, 101)
MAX_DETECTIONS = (1, 10, 100)


@dataclasses.dataclass(frozen=True)
class Curves:
    """Precision where recall reaches each point, and the recall that is reached at all.

    -1 where there is nothing to be found. The leading axes of all three are the same.

    Attributes:
      precision: [..., cells, limits, thresholds, recall points].
      scores: [..., cells, limits, thresholds, recall points], of the track at that point.
      recall: [..., cells, limits, thresholds].
    """

    precision: np.ndarray
    scores: np.ndarray
    recall: np.ndarray


def accumulate(videos: Sequence[Matches], num_cells: int) -> Curves:
    """Curves of one category.

    Args:
      videos: its matches, in the order of the videos' ids; that order decides between equal scores.
      num_cells: number of cells.
    """
    shape = (num_cells, len(MAX_DETECTIONS), len(IOU_THRESHOLDS))
    curves = Curves(*(np.full(s, -1.0) for s in ((*shape, len(RECALL_POINTS)),) * 2 + (shape,)))
    positives = sum((matches.num_positives for matches in videos), np.zeros(num_cells, np.int64))
    cells = np.flatnonzero(positives)
    if cells.size:
        for position, limit in enumerate(MAX_DETECTIONS):
            limited = _sorted_counts(videos, limit, cells)
            precision, scores, recall = _curves(*limited, positives[cells])
            curves.precision[cells, position] = precision
            curves.scores[cells, position] = scores
            curves.recall[cells, position] = recall
    return curves


def stack_curves(categories: Sequence[Curves]) -> Curves:
    """Curves with a leading axis for categories."""
    arrays = ((c.precision, c.scores, c.recall) for c in categories)
    return Curves(*(np.stack(array) for array in zip(*arrays, strict=True)))


def _sorted_counts(
    videos: Sequence[Matches], limit: int, cells: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The first `limit` tracks of each video, sorted by score over all videos.

    Returns:
      Scores [N], and the running numbers of right and of wrong tracks, each [cells, thresholds, N].
    """
    scores = np.concatenate([matches.scores[:limit] for matches in videos])
    order = np.argsort(-scores, kind="stable")
    found = np.concatenate([m.truth[cells, :, :limit] >= 0 for m in videos], axis=-1)[..., order]
    counts = ~np.concatenate([m.ignored[cells, :, :limit] for m in videos], axis=-1)[..., order]
    right = np.cumsum(found & counts, axis=-1)
    return scores[order], right, np.cumsum(~found & counts, axis=-1)


def _curves(
    scores: np.ndarray, right: np.ndarray, wrong: np.ndarray, positives: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Precision and scores [cells, thresholds, recall points], and recall [cells, thresholds]."""
    precision = right / (right + wrong + np.spacing(1))
    precision = np.maximum.accumulate(precision[..., ::-1], axis=-1)[..., ::-1]
    first = _first_reaching(right, positives)
    zero = np.zeros((*precision.shape[:2], 1))  # read where a recall is never reached
    precision = np.take_along_axis(np.concatenate([precision, zero], axis=-1), first, axis=-1)
    recall = np.concatenate([zero, right], axis=-1)[..., -1] / positives[:, None]
    return precision, np.append(scores, 0)[first], recall


def _first_reaching(right: np.ndarray, positives: np.ndarray) -> np.ndarray:
    """[cells, thresholds, recall points] int, the first track with each recall; N if there is none.

    Compares whole numbers: the right tracks so far with those that a recall needs. The running
    numbers of all cells and thresholds are joined to one ascending row and searched together.
    """
    num_cells, num_thresholds, num_tracks = right.shape
    needed = np.stack([np.searchsorted(np.arange(n + 1) / n, RECALL_POINTS) for n in positives])
    step = max(num_tracks, positives.max()) + 2
    rows = np.arange(num_cells * num_thresholds).reshape(num_cells, num_thresholds, 1)
    places = np.searchsorted((right + rows * step).ravel(), needed[:, None] + rows * step)
    return places - rows * num_tracks
