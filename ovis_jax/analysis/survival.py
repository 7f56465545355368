"""Does an object have the same identity after an occlusion as before?"""

from __future__ import annotations

import enum
import math
from collections.abc import Iterable

import numpy as np

from ovis_jax.analysis.occlusion_episodes import (
    STATES,
    Episode,
    clear_after,
    clear_before,
    find_episodes,
)

SEVERITIES = STATES[1:]

LENGTHS = ((1, 1), (2, 2), (3, 4), (5, 8), (9, 16), (17, None))
"""First and last number of frames of each group of episodes; None stands for any number."""


class Outcome(enum.IntEnum):
    """What became of an object's identity in an episode."""

    UNTRACKED = 0
    """It was matched to no track before."""
    SURVIVED = 1
    """It is matched to the same track before and after."""
    SWITCHED = 2
    """It is matched to another track."""
    LOST = 3
    """It is matched to none afterwards."""


def episode_outcomes(states: np.ndarray, matched: np.ndarray) -> list[tuple[Episode, Outcome]]:
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


def count_outcomes(outcomes: Iterable[tuple[Episode, Outcome]]) -> np.ndarray:
    """[SEVERITIES, LENGTHS, Outcome] int, number of episodes of each kind."""
    counts = np.zeros((len(SEVERITIES), len(LENGTHS), len(Outcome)), np.int64)
    for episode, outcome in outcomes:
        group = max(k for k, (low, _) in enumerate(LENGTHS) if low <= episode.length)
        counts[episode.severity - 1, group, outcome] += 1
    return counts


def survived(counts: np.ndarray) -> np.ndarray:
    """[..., 2] int from counts [..., Outcome]: survived episodes, and those that could be.

    An episode can be survived by the identity of an object that was tracked before.
    """
    tracked = counts.sum(axis=-1) - counts[..., Outcome.UNTRACKED]
    return np.stack([counts[..., Outcome.SURVIVED], tracked], axis=-1)


def survived_of_all(counts: np.ndarray) -> np.ndarray:
    """[..., 2] int from counts [..., Outcome]: survived episodes, and all."""
    return np.stack([counts[..., Outcome.SURVIVED], counts.sum(axis=-1)], axis=-1)


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """95 % score interval of a probability (Wilson 1927); NaN without trials."""
    if not trials:
        return math.nan, math.nan
    z = 1.959963984540054  # 97.5 % quantile of the normal distribution
    share, spread = successes / trials, z * z / trials
    centre = (share + spread / 2) / (1 + spread)
    half = math.sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return max(centre - half, 0.0), min(centre + half, 1.0)
