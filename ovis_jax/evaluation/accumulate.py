"""Matches of all videos → precision and recall curves."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence

import numpy as np

from ovis_jax.evaluation.matching import IOU_THRESHOLDS, Matches
from ovis_jax.evaluation.overlaps import MAX_TRACKS

RECALL_POINTS = np.linspace(0, 1, 101)
MAX_DETECTIONS = (1, 10, MAX_TRACKS)


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


def accumulate(matches: Matches) -> Curves:
    """Curves of one category; between equal scores the lower video id comes first."""
    judged = _Judged.of(matches)
    shape = (len(matches.wanted), len(MAX_DETECTIONS), len(IOU_THRESHOLDS))
    curves = Curves(*(np.full(s, -1.0) for s in ((*shape, len(RECALL_POINTS)),) * 2 + (shape,)))
    for position, limit in enumerate(MAX_DETECTIONS):
        if position and judged.most_tracks <= MAX_DETECTIONS[position - 1]:
            for array in (curves.precision, curves.scores, curves.recall):
                array[:, position] = array[:, position - 1]  # no track is added
            continue
        precision, scores, recall = judged.curves(limit)
        curves.precision[judged.cells, position] = precision
        curves.scores[judged.cells, position] = scores
        curves.recall[judged.cells, position] = recall
    return curves


def accumulate_surest(matches: Matches) -> tuple[np.ndarray, np.ndarray]:
    """The part of `accumulate` that is averaged.

    Returns:
      Precision [cells, thresholds, recall points] with all tracks that count, and recall [cells,
      limits, thresholds].
    """
    judged = _Judged.of(matches)
    shape = (len(matches.wanted), len(IOU_THRESHOLDS), len(RECALL_POINTS))
    precision, recall = (
        np.full(shape, -1.0),
        np.full((shape[0], len(MAX_DETECTIONS), shape[1]), -1.0),
    )
    if judged.cells.size:
        precision[judged.cells] = judged.curves(MAX_DETECTIONS[-1])[0]
        within = judged.ranks < np.array(MAX_DETECTIONS)[:, None]
        counts = np.einsum("ctn,ln->clt", judged.right, within, dtype=np.int64)
        recall[judged.cells] = counts / judged.positives[:, None, None]
    return precision, recall


@dataclasses.dataclass(frozen=True)
class _Judged:
    """The N tracks of a category by descending score, in the cells that have something to find.

    Attributes:
      cells: [cells] int, which these are.
      positives: [cells] int, objects to be found.
      scores: [N].
      ranks: [N] int, how many tracks of the video are surer.
      right: [cells, thresholds, N] bool; likewise `wrong`.
      wrong: see `right`.
    """

    cells: np.ndarray
    positives: np.ndarray
    scores: np.ndarray
    ranks: np.ndarray
    right: np.ndarray
    wrong: np.ndarray

    @classmethod
    def of(cls, matches: Matches) -> _Judged:
        positives = matches.wanted.sum(axis=1)
        cells = np.flatnonzero(positives)
        order = np.argsort(-matches.scores, kind="stable")
        found = matches.truth[cells][..., order] >= 0
        counted = ~matches.ignored[cells][..., order]
        return cls(
            cells,
            positives[cells],
            matches.scores[order],
            matches.ranks[order],
            found & counted,
            ~found & counted,
        )

    @property
    def most_tracks(self) -> int:
        """Of any video."""
        return int(self.ranks.max(initial=-1)) + 1

    def curves(self, limit: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """What `precision_curves` reads with the `limit` surest tracks of each video."""
        if not self.cells.size:
            empty = np.zeros((0, len(IOU_THRESHOLDS), len(RECALL_POINTS)))
            return empty, empty, empty[..., 0]
        kept = slice(None) if self.most_tracks <= limit else self.ranks < limit
        sums = (np.cumsum(x[..., kept], axis=-1, dtype=np.int32) for x in (self.right, self.wrong))
        return precision_curves(self.scores[kept], *sums, self.positives)


def stack_curves(categories: Sequence[Curves]) -> Curves:
    """Curves with a leading axis for categories."""
    arrays = ((c.precision, c.scores, c.recall) for c in categories)
    return Curves(*(np.stack(array) for array in zip(*arrays, strict=True)))


def precision_curves(
    scores: np.ndarray, right: np.ndarray, wrong: np.ndarray, positives: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Reads running numbers of right and wrong tracks at the recall points.

    Args:
      scores: [N], descending.
      right: [cells, thresholds, N] int.
      wrong: [cells, thresholds, N] int.
      positives: [cells] int, objects to be found, at least 1.

    Returns:
      Precision and scores [cells, thresholds, recall points], and recall [cells, thresholds].
    """
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
    numbers of all cells and thresholds are joined to one ascending row and searched together, for
    each number once, since several recall points need the same.
    """
    num_cells, num_thresholds, num_tracks = right.shape
    needed = np.stack([_needed(number) for number in positives.tolist()])
    numbers, which = np.unique(needed, return_inverse=True)
    step = max(num_tracks, int(positives.max())) + 2
    rows = np.arange(num_cells * num_thresholds).reshape(num_cells, num_thresholds, 1)
    places = np.searchsorted((right + rows * step).ravel(), numbers + rows * step)
    return np.take_along_axis(places - rows * num_tracks, which.reshape(num_cells, 1, -1), axis=-1)


@functools.lru_cache(maxsize=1024)
def _needed(positives: int) -> np.ndarray:
    """[recall points] int, how many objects of `positives` each recall point asks for."""
    return np.searchsorted(np.arange(positives + 1) / positives, RECALL_POINTS)
