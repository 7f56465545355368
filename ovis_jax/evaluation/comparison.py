"""Is one system better than another? Paired bootstrap over videos.

The videos of a data set are one draw of many that could have been taken. Drawing as many of them
again and again, with replacement, shows how much the numbers owe to that draw (Efron 1979). All
systems are scored on the same draws, so that the difference of two of them varies far less than
either.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from ovis_jax.evaluation.accumulate import precision_curves
from ovis_jax.evaluation.evaluator import Matching
from ovis_jax.evaluation.groups import AREA_RANGES, OCCLUSION_RANGES
from ovis_jax.evaluation.matching import Matches
from ovis_jax.formats.errors import InputError

CONFIDENCE = 0.95


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Average precision of S systems on B draws of the videos; NaN without any object.

    Attributes:
      names: of the numbers: AP, and for OVIS AP_SO, AP_MO, AP_HO.
      values: [S, names], on the videos as they are.
      samples: [B, S, names].
    """

    names: tuple[str, ...]
    values: np.ndarray
    samples: np.ndarray

    def intervals(self) -> np.ndarray:
        """[S, names, 2], percentile confidence intervals of each system's numbers."""
        return _interval(self.samples)

    def differences(self) -> np.ndarray:
        """[S, names], each system minus the first one."""
        return self.values - self.values[:1]

    def difference_intervals(self) -> np.ndarray:
        """[S, names, 2], confidence intervals of `differences`."""
        return _interval(self.samples - self.samples[:, :1])


def compare(
    systems: Sequence[Matching], *, num_samples: int = 1000, seed: int = 0, progress: bool = False
) -> Comparison:
    """Scores systems on draws of the videos.

    Args:
      systems: matched results of one data set and ground truth.
      num_samples: B, number of draws.
      seed: of the draws.
      progress: show a progress bar if stderr is a terminal.

    Raises:
      InputError: the systems were matched with different ground truth.
    """
    videos = [video.id for video in systems[0].annotations.videos]
    for system in systems[1:]:
        if [video.id for video in system.annotations.videos] != videos:
            raise InputError(f"{system.annotations.path}: other videos than in the first system")
    names = ("AP",)
    if systems[0].dataset == "ovis":
        names += tuple(f"AP_{level}" for level in OCCLUSION_RANGES if level != "all")
    prepared = [
        [_Curve.of(matches, videos) for matches in system.matches.values()] for system in systems
    ]
    once = np.ones(len(videos), np.int64)
    values = np.array([_average_precision(curves, once) for curves in prepared])
    draws = video_draws(len(videos), num_samples, seed)
    shown = tqdm(draws, "bootstrap", disable=None if progress else True, leave=False)
    samples = [[_average_precision(curves, draw) for curves in prepared] for draw in shown]
    return Comparison(names, values, np.array(samples).reshape(num_samples, *values.shape))


def video_draws(num_videos: int, num_samples: int, seed: int = 0) -> np.ndarray:
    """[num_samples, num_videos] int, how often each video is in each draw with replacement."""
    if not num_videos:
        return np.zeros((num_samples, 0), np.int64)
    random = np.random.default_rng(seed)
    return random.multinomial(num_videos, np.full(num_videos, 1 / num_videos), num_samples)


@dataclasses.dataclass(frozen=True)
class _Curve:
    """One category of one system, objects of all sizes, tracks by descending score.

    Attributes:
      scores: [N].
      videos: [N] int, indices of videos.
      right: [levels, thresholds, N] bool; likewise `wrong`.
      wrong: see `right`.
      object_videos: [G] int, indices of videos.
      wanted: [levels, G] bool.
    """

    scores: np.ndarray
    videos: np.ndarray
    right: np.ndarray
    wrong: np.ndarray
    object_videos: np.ndarray
    wanted: np.ndarray

    @classmethod
    def of(cls, matches: Matches, videos: Sequence[int]) -> _Curve:
        place = {video: number for number, video in enumerate(videos)}
        num_levels = len(matches.wanted) // len(AREA_RANGES)
        order = np.argsort(-matches.scores, kind="stable")
        found = matches.truth[:num_levels, :, order] >= 0
        counted = ~matches.ignored[:num_levels, :, order]
        return cls(
            scores=matches.scores[order],
            videos=np.array([place[v] for v in matches.videos[order].tolist()], int),
            right=found & counted,
            wrong=~found & counted,
            object_videos=np.array([place[v] for v in matches.object_videos.tolist()], int),
            wanted=matches.wanted[:num_levels],
        )

    def average_precision(self, times: np.ndarray) -> np.ndarray:
        """[levels], where each video stands `times` [V] times; NaN without objects.

        Where copies stand side by side the curve has one step instead of several; between them it
        cannot be higher than after the last, so no maximum is missed.
        """
        positives = (self.wanted * times[self.object_videos]).sum(axis=1)
        levels = np.flatnonzero(positives)
        mean = np.full(len(positives), np.nan)
        if levels.size:
            drawn = np.flatnonzero(times[self.videos])
            weights = times[self.videos[drawn]]
            sums = (
                np.cumsum(hits[levels][..., drawn] * weights, axis=-1)
                for hits in (self.right, self.wrong)
            )
            precision, _, _ = precision_curves(self.scores[drawn], *sums, positives[levels])
            mean[levels] = precision.mean(axis=(1, 2))
        return mean


def _average_precision(curves: Sequence[_Curve], times: np.ndarray) -> np.ndarray:
    """[levels], mean over the categories that have objects."""
    return _mean(np.array([curve.average_precision(times) for curve in curves]))


def _mean(values: np.ndarray) -> np.ndarray:
    """Mean over the first axis of what is a number; NaN if nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def _interval(samples: np.ndarray) -> np.ndarray:
    """[S, names, 2] percentiles over the first axis; NaN where all are."""
    tail = 50 * (1 - CONFIDENCE)
    unknown = np.isnan(samples).all(axis=0)
    ends = np.nanpercentile(np.where(unknown, 0, samples), [tail, 100 - tail], axis=0)
    return np.moveaxis(np.where(unknown, np.nan, ends), 0, -1)
