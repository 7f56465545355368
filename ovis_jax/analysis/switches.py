"""How often the identity of an object changes, and how often its track breaks."""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class SwitchTally:
    """For L occlusion levels and G objects, all [L, G] int.

    Attributes:
      switches: frames in which an object is matched to another track than the last time.
      breaks: frames in which an object is matched again after frames in which it was visible, but
        matched to nothing.
      matched: frames in which it is matched.
      wanted: frames in which it is visible.
    """

    switches: np.ndarray
    breaks: np.ndarray
    matched: np.ndarray
    wanted: np.ndarray

    def sums(self, chosen: np.ndarray) -> SwitchSums:
        """Sums over chosen frames of objects, for each of R choices, [R, L, G] bool."""
        switches, breaks, matched, wanted = (
            (chosen * own).sum(axis=1)  # [R, G]
            for own in (self.switches, self.breaks, self.matched, self.wanted)
        )
        return SwitchSums(
            switches=switches.sum(axis=1),
            breaks=breaks.sum(axis=1),
            matched=matched.sum(axis=1),
            wanted=wanted.sum(axis=1),
            objects=(wanted > 0).sum(axis=1),
            tracked=(matched > 0).sum(axis=1),
            steady=((matched > 0) & (switches == 0)).sum(axis=1),
        )


@dataclasses.dataclass(frozen=True)
class SwitchSums:
    """Sums over frames of objects; they can be added up. All are [...] int.

    Attributes:
      switches: see `SwitchTally`; likewise `breaks`, `matched`, `wanted`.
      breaks: see `switches`.
      matched: see `switches`.
      wanted: see `switches`.
      objects: objects with such a frame.
      tracked: of these, matched in such a frame.
      steady: of these, without a switch in such a frame.
    """

    switches: np.ndarray
    breaks: np.ndarray
    matched: np.ndarray
    wanted: np.ndarray
    objects: np.ndarray
    tracked: np.ndarray
    steady: np.ndarray


def tally_switches(
    matched: np.ndarray, has_object: np.ndarray, levels: np.ndarray, num_levels: int
) -> SwitchTally:
    """Counts changes; each belongs to the level of the frame where it shows.

    Args:
      matched: [T, G] int, track of each object or -1.
      has_object: [T, G] bool.
      levels: [T, G] int in [0, num_levels), anything without an object.
      num_levels: L.
    """
    last = np.full(matched.shape[1], -1)
    missed = np.zeros(matched.shape[1], bool)  # since the last match
    switches, breaks = np.zeros(matched.shape, bool), np.zeros(matched.shape, bool)
    found = matched >= 0
    for frame, own in enumerate(found):
        again = own & (last >= 0)
        switches[frame] = again & (matched[frame] != last)
        breaks[frame] = again & missed
        last = np.where(own, matched[frame], last)
        missed = ~own & (missed | has_object[frame])
    within = [levels == level for level in range(num_levels)]
    tallies = (
        np.array([(events & own).sum(axis=0) for own in within])
        for events in (switches, breaks, found, has_object)
    )
    return SwitchTally(*tallies)
