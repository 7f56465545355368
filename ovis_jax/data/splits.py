"""A part of a training set to tune on, chosen so that every category is in both parts.

The official validation split has at least four videos of each category; so has a minival split
made here, wherever the categories have enough videos.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.formats.annotation_records import Category

_LEAST_GAIN = 1e-9  # of an exchange; far above rounding, so that exchanges come to an end


@dataclasses.dataclass(frozen=True, eq=False)
class VideoContents:
    """Which categories the V videos of an annotation file show.

    Attributes:
      video_ids: [V] int, in the order of the file.
      categories: C, sorted by id.
      num_instances: [V, C] int; crowds are counted, too.
      num_crowds: how many they are.
    """

    video_ids: np.ndarray
    categories: tuple[Category, ...]
    num_instances: np.ndarray
    num_crowds: int = 0


def choose_minival(
    contents: VideoContents, *, share: float, min_videos: int, seed: int
) -> np.ndarray:
    """Chooses whole videos for minival; the same ones for the same seed, in whatever order.

    First, rarest categories first, videos that show a category until it has `min_videos` (or half
    of its videos, rounded down, if it has fewer than twice as many); then others up to `share`. Of
    a random half of the videos to choose from it takes the one that brings the categories closest
    to their share, of videos and of instances; at last it exchanges videos while that brings them
    closer still. The first two steps are iterative stratification (Sechidis et al. 2011).

    Args:
      contents: of the file, at least 2 videos.
      share: of the videos, in (0, 1); more if `min_videos` needs it.
      min_videos: of each category that has enough.
      seed: of the random halves.

    Returns:
      [V] bool, neither all nor none.
    """
    num_videos = len(contents.video_ids)
    # All that follows is in a random order that depends on the ids alone.
    shuffled = np.random.default_rng(seed).permutation(num_videos)
    order = np.argsort(contents.video_ids)[shuffled]
    balance = _Balance(contents.num_instances[order], share, min_videos)
    num_chosen = min(max(1, round(share * num_videos)), num_videos - 1)
    chosen = np.zeros(num_videos, bool)
    chosen[order] = _exchange(balance, _grow(balance, num_chosen))
    return chosen


class _Balance:
    """What minival should be like.

    Attributes:
      shows: [V, C] bool, which categories the videos show.
      required: [C] videos that minival needs.
      parts: [V, 2C] shares that each video has of a category's videos, then of its instances.
      target: [2C] shares that minival should have.
    """

    def __init__(self, num_instances: np.ndarray, share: float, min_videos: int):
        self.shows = num_instances > 0
        totals = self.shows.sum(0)
        self.required = np.minimum(min_videos, totals // 2)
        self.target = np.tile(np.maximum(self.required / np.maximum(totals, 1), share), 2)
        counts = np.concatenate([self.shows, num_instances], axis=1)
        self.parts = counts / np.maximum(counts.sum(0), 1)

    def distances(self, chosen: np.ndarray, others: np.ndarray) -> np.ndarray:
        """How far from the target the chosen videos are with each of some others."""
        errors = self.parts[chosen].sum(0) + self.parts[others] - self.target
        return np.square(errors).sum(1)


def _grow(balance: _Balance, num_chosen: int) -> np.ndarray:
    """[V] bool: as many videos as wanted, or as categories require."""
    chosen, totals = np.zeros(len(balance.shows), bool), balance.shows.sum(0)
    while True:
        missing = np.flatnonzero(balance.shows[chosen].sum(0) < balance.required)
        if missing.size:
            rarest = missing[np.argmin(totals[missing])]
            candidates = np.flatnonzero(~chosen & balance.shows[:, rarest])
        elif chosen.sum() < num_chosen:
            candidates = np.flatnonzero(~chosen)
        else:
            return chosen
        candidates = candidates[: (len(candidates) + 1) // 2]
        chosen[candidates[np.argmin(balance.distances(chosen, candidates))]] = True


def _exchange(balance: _Balance, chosen: np.ndarray) -> np.ndarray:
    """Exchanges chosen videos for others, one by one, as long as that helps."""
    chosen, improved = chosen.copy(), True
    while improved:
        improved = False
        for old in np.flatnonzero(chosen):
            chosen[old] = False
            have = balance.shows[chosen].sum(0)
            allowed = (have + balance.shows >= balance.required).all(1) & ~chosen
            candidates = np.flatnonzero(allowed)
            distances = balance.distances(chosen, candidates)
            before = distances[np.searchsorted(candidates, old)]
            best = np.argmin(distances)
            better = distances[best] < before - _LEAST_GAIN
            chosen[candidates[best] if better else old] = True
            improved |= better
    return chosen
