"""When each object is occluded, how much, and for how long."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS

STATES = ("clear", "slight", "severe", "hidden")
"""Of an object in a frame; "hidden" means without a mask, between two frames with one."""

UNKNOWN = -1
"""State of a frame before the first or after the last mask, or with a mask and without a label."""

SLIGHT_SHARE, SEVERE_SHARE = 0.5, 0.25
"""Visible share below which an object counts as slightly or severely occluded without labels."""


@dataclasses.dataclass(frozen=True)
class Episode:
    """Consecutive frames in which an object's state is at least `severity`.

    In the frames right before and right after it, the state is known and less.

    Attributes:
      severity: position in STATES, at least 1.
      start: first frame.
      stop: frame after the last.
    """

    severity: int
    start: int
    stop: int

    @property
    def length(self) -> int:
        """Number of frames."""
        return self.stop - self.start


def occlusion_states(labels: Sequence[str | None] | None, areas: np.ndarray) -> np.ndarray:
    """State of an object in each frame, from its labels, or from its areas if it has none.

    Args:
      labels: of each frame one of OCCLUSION_LEVELS or None; None if there are none at all.
      areas: [T], pixels of the object; 0 where it has no mask.

    Returns:
      [T] int, position in STATES, or UNKNOWN.
    """
    areas = np.asarray(areas, np.float64)
    visible = areas > 0
    if not visible.any():
        return np.full(len(areas), UNKNOWN)
    if any(label is not None for label in labels or ()):
        numbers = {label: number for number, label in enumerate(OCCLUSION_LEVELS)}
        states = np.array([numbers.get(label, UNKNOWN) for label in labels])
    else:
        share = areas / np.median(areas[visible])
        states = (share < SLIGHT_SHARE).astype(int) + (share < SEVERE_SHARE)
    states = np.where(visible, states, STATES.index("hidden"))
    seen = np.flatnonzero(visible)
    states[: seen[0]] = UNKNOWN
    states[seen[-1] + 1 :] = UNKNOWN
    return states


def find_episodes(states: np.ndarray) -> list[Episode]:
    """All episodes of an object, for each severity by itself, in the order of time.

    An episode of a severity may hold shorter ones of a higher severity.

    Args:
      states: [T] int, see `occlusion_states`.
    """
    episodes = []
    for severity in range(1, len(STATES)):
        for start, stop in _runs(states >= severity):
            bounded = start > 0 and stop < len(states)
            if bounded and states[start - 1] != UNKNOWN and states[stop] != UNKNOWN:
                episodes.append(Episode(severity, start, stop))
    return episodes


def clear_before(states: np.ndarray, episode: Episode) -> slice:
    """The frames right before an episode in which the state is known and less."""
    start = episode.start
    while start > 0 and UNKNOWN < states[start - 1] < episode.severity:
        start -= 1
    return slice(start, episode.start)


def clear_after(states: np.ndarray, episode: Episode) -> slice:
    """The frames right after an episode in which the state is known and less."""
    stop = episode.stop
    while stop < len(states) and UNKNOWN < states[stop] < episode.severity:
        stop += 1
    return slice(episode.stop, stop)


def _runs(held: np.ndarray) -> list[tuple[int, int]]:
    """Start and stop of each run of frames in which something holds."""
    edges = np.diff(np.concatenate([[False], held, [False]]).astype(int))
    starts, stops = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
    return list(zip(starts.tolist(), stops.tolist(), strict=True))
