"""Does an object have the same identity after an occlusion as before?"""

from __future__ import annotations

import collections
import dataclasses
import enum
import math
from collections.abc import Iterable, Sequence

import numpy as np

from ovis_jax.analysis.occlusion_episodes import (
    STATES,
    Episode,
    clear_after,
    clear_before,
    find_episodes,
)

LENGTHS = ((1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (17, None))
"""First and last number of frames of each group of episodes; None stands for any number."""


class Outcome(enum.Enum):
    """What became of an object's identity in an episode."""

    UNTRACKED = "untracked before"
    SURVIVED = "same track"
    SWITCHED = "another track"
    LOST = "not found again"


@dataclasses.dataclass(frozen=True)
class SurvivalRate:
    """Of the episodes of one severity and of a group of lengths.

    Attributes:
      severity: one of STATES.
      lengths: of LENGTHS.
      counts: number of episodes with each outcome.
    """

    severity: str
    lengths: tuple[int, int | None]
    counts: collections.Counter[Outcome]

    @property
    def tracked(self) -> int:
        """Episodes before which the object was tracked: those that can be survived."""
        return self.counts.total() - self.counts[Outcome.UNTRACKED]

    @property
    def rate(self) -> float:
        """Share of `tracked` with the same track before and after; NaN without any."""
        return self.counts[Outcome.SURVIVED] / self.tracked if self.tracked else math.nan

    @property
    def rate_if_found(self) -> float:
        """The same of those that are found again; NaN without any."""
        found = self.tracked - self.counts[Outcome.LOST]
        return self.counts[Outcome.SURVIVED] / found if found else math.nan

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of `rate`."""
        return wilson_interval(self.counts[Outcome.SURVIVED], self.tracked)


def episode_outcomes(
    states: np.ndarray, matched: np.ndarray
) -> list[tuple[Episode, Outcome]]:
    """What becomes of an object's identity in each of its episodes.

    The track before is the one that the object was matched to last among the frames from the
    episode before (of the same severity) to this one; the track after is the first one that it is
    matched to from this episode to the next. What is matched during the episode does not count.

    Args:
      states: [T] int, see `occlusion_states`.
      matched: [T] int, track of the object in each frame or -1.
    """
    outcomes = []
    for episode in find_episodes(states):
        before = matched[clear_before(states, episode)]
        after = matched[clear_after(states, episode)]
        before, after = before[before >= 0], after[after >= 0]
        if not before.size:
            outcome = Outcome.UNTRACKED
        elif not after.size:
            outcome = Outcome.LOST
        else:
            outcome = Outcome.SURVIVED if before[-1] == after[0] else Outcome.SWITCHED
        outcomes.append((episode, outcome))
    return outcomes


def survival_rates(
    outcomes: Iterable[tuple[Episode, Outcome]],
    lengths: Sequence[tuple[int, int | None]] = LENGTHS,
) -> list[SurvivalRate]:
    """Rates for each severity and length, also where there is no episode."""
    counts = collections.defaultdict(collections.Counter)
    for episode, outcome in outcomes:
        for low, high in lengths:
            if low <= episode.length and (high is None or episode.length <= high):
                counts[episode.severity, (low, high)][outcome] += 1
    return [
        SurvivalRate(STATES[severity], own, counts[severity, own])
        for severity in range(1, len(STATES))
        for own in lengths
    ]


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """95 % score interval of a probability (Wilson 1927); NaN without trials."""
    if not trials:
        return math.nan, math.nan
    z = 1.959963984540054  # 97.5 % quantile of the normal distribution
    share, spread = successes / trials, z * z / trials
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return max(centre - half, 0.0), min(centre + half, 1.0)
