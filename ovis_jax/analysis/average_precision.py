"""Verdicts of all videos → average precision, also on draws of the videos."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ovis_jax.analysis.verdicts import LEFT_OUT, RIGHT, WRONG, Verdicts
from ovis_jax.evaluation.accumulate import precision_curves

_BATCH = 1 << 22  # numbers in one intermediate array


class PrecisionLog:
    """Collects what counts of every video."""

    def __init__(self):
        """Nothing so far."""
        self._videos: list[int] = []
        self._verdicts: list[Verdicts] = []
        self._known: list[_Category] | None = None

    def add(self, video_id: int, verdicts: Verdicts) -> None:
        """Takes the next video."""
        self._videos.append(video_id)
        self._verdicts.append(verdicts)
        self._known = None

    def average_precision(self) -> np.ndarray:
        """[L, H, K] over the categories with objects, ascending; NaN where nothing is wanted."""
        found = [_average_precision(own) for own in self._categories()]
        return np.stack(found, axis=-1) if found else np.full((1, 1, 0), np.nan)

    def sampled(self, draws: np.ndarray) -> np.ndarray:
        """[B] AP of all objects on draws [B, V] of the videos, in the order of `add`."""
        found = [_drawn(own, draws) for own in self._categories()]
        if not found:
            return np.full(len(draws), np.nan)
        return mean_known(np.concatenate(found, axis=1), axis=1)

    def _categories(self) -> list[_Category]:
        """The categories with objects, ascending."""
        if self._known is None:
            order = np.argsort(self._videos, kind="stable").tolist()
            self._known = _by_category(order, [self._verdicts[number] for number in order])
        return self._known


def mean_known(values: np.ndarray, axis: int | tuple[int, ...]) -> np.ndarray:
    """Mean of what is not NaN; NaN if nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0).sum(axis=axis)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


@dataclasses.dataclass(frozen=True)
class _Category:
    """N tracks, by descending score and then by video id, and G objects of one category.

    Attributes:
      scores: [N].
      videos: [N] int, numbers of videos in the order they came in.
      states: [L, H, N] int8.
      object_videos: [G] int, numbers of videos.
      wanted: [L, H, G] bool.
    """

    scores: np.ndarray
    videos: np.ndarray
    states: np.ndarray
    object_videos: np.ndarray
    wanted: np.ndarray


def _by_category(numbers: Sequence[int], verdicts: Sequence[Verdicts]) -> list[_Category]:
    """Joins videos, given by id with the numbers that they came in, and parts them by category."""
    if not verdicts:
        return []
    states = np.concatenate([own.states for own in verdicts], axis=-1)
    wanted = np.concatenate([own.wanted for own in verdicts], axis=-1)
    scores = np.concatenate([own.scores for own in verdicts])
    categories = np.concatenate([own.categories for own in verdicts], axis=-1)
    object_categories = np.concatenate([own.object_categories for own in verdicts])
    videos, object_videos = (
        np.repeat(numbers, [len(getattr(own, name)) for own in verdicts])
        for name in ("scores", "object_categories")
    )
    found = []
    for category in np.unique(object_categories).tolist():
        members, objects = categories == category, object_categories == category
        kept = np.flatnonzero(members.any(axis=tuple(range(members.ndim - 1))))
        kept = kept[np.argsort(-scores[kept], kind="stable")]
        found.append(
            _Category(
                scores=scores[kept],
                videos=videos[kept],
                states=np.where(members[..., kept], states[..., kept], LEFT_OUT),
                object_videos=object_videos[objects],
                wanted=wanted[..., objects],
            )
        )
    return found


def _average_precision(own: _Category) -> np.ndarray:
    """[L, H] on the videos as they are."""
    shape = own.states.shape[:2]
    sums = [np.cumsum(own.states == state, axis=-1, dtype=np.int32) for state in (RIGHT, WRONG)]
    flat = (total.reshape(shape[0] * shape[1], -1) for total in sums)
    return _read(own.scores, *flat, own.wanted.sum(axis=-1).ravel()).reshape(shape)


def _drawn(own: _Category, draws: np.ndarray) -> np.ndarray:
    """[B, H], all objects."""
    right, wrong = own.states[0] == RIGHT, own.states[0] == WRONG
    num_thresholds = len(right)
    step = max(1, _BATCH // max(1, num_thresholds * len(own.scores)))
    parts = [np.zeros((0, num_thresholds))]
    for start in range(0, len(draws), step):
        times = draws[start : start + step]
        weights = times[:, None, own.videos]
        positives = (times[:, None, own.object_videos] * own.wanted[0]).sum(axis=-1)
        sums = [np.cumsum(hits * weights, axis=-1) for hits in (right, wrong)]
        flat = (total.reshape(len(times) * num_thresholds, -1) for total in sums)
        parts.append(_read(own.scores, *flat, positives.ravel()).reshape(len(times), -1))
    return np.concatenate(parts)


def _read(
    scores: np.ndarray, right: np.ndarray, wrong: np.ndarray, positives: np.ndarray
) -> np.ndarray:
    """[cells] from running numbers [cells, N]; NaN without positives."""
    values = np.full(len(positives), np.nan)
    cells = np.flatnonzero(positives)
    if cells.size:
        precision, _, _ = precision_curves(
            scores, right[cells, None], wrong[cells, None], positives[cells]
        )
        values[cells] = precision.mean(axis=(1, 2))
    return values
