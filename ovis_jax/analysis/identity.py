"""IDF1: for how long is each object followed by one and the same track?

Source: Ristani et al., "Performance measures and a data set for multi-target, multi-camera
tracking", 2016.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.analysis.assignment import best_assignment

MIN_IOU = 0.5
"""Overlap in a frame from which on a track shows an object."""


@dataclasses.dataclass(frozen=True)
class IdentityTally:
    """What IDF1 sums up, for L occlusion levels and G objects of a video.

    Attributes:
      right: [L, G] int, frames in which an object is shown by its track.
      wanted: [L, G] int, frames of each object.
      wrong: frames of tracks in which they do not show their object.
    """

    right: np.ndarray
    wanted: np.ndarray
    wrong: int

    def sums(self, chosen: np.ndarray) -> IdentitySums:
        """Sums over chosen frames of objects, for each of R choices, [R, L, G] bool."""
        return IdentitySums(
            right=(chosen * self.right).sum(axis=(1, 2)).astype(float),
            wanted=(chosen * self.wanted).sum(axis=(1, 2)).astype(float),
            wrong=np.full(len(chosen), float(self.wrong)),
        )


@dataclasses.dataclass(frozen=True)
class IdentitySums:
    """Sums from which the numbers follow; they can be added up.

    All are [...] float64; see `IdentityTally`.
    """

    right: np.ndarray
    wanted: np.ndarray
    wrong: np.ndarray


@dataclasses.dataclass(frozen=True)
class IdentityScores:
    """F1, precision and recall of identities, all [...]; 0 where there is nothing."""

    idf1: np.ndarray
    idp: np.ndarray
    idr: np.ndarray


def tally_identity(
    iou: np.ndarray,
    has_object: np.ndarray,
    has_track: np.ndarray,
    levels: np.ndarray,
    num_levels: int,
) -> IdentityTally:
    """Gives each object one track of the video, so that it shows its object as long as possible.

    Args:
      iou: [T, G, P], 0 where one of the two has no mask.
      has_object: [T, G] bool.
      has_track: [T, P] bool.
      levels: [T, G] int in [0, num_levels), anything without an object.
      num_levels: L.
    """
    shows = iou >= MIN_IOU
    tracks = best_assignment(shows.sum(axis=0).astype(np.float64))
    owned = np.flatnonzero(tracks >= 0)
    right = np.zeros(has_object.shape, bool)
    right[:, owned] = shows[:, owned, tracks[owned]]
    within = [levels == level for level in range(num_levels)]
    return IdentityTally(
        right=np.array([(right & own).sum(axis=0) for own in within]),
        wanted=np.array([(has_object & own).sum(axis=0) for own in within]),
        wrong=int(has_track.sum() - right.sum()),
    )


def score_identity(sums: IdentitySums) -> IdentityScores:
    """The numbers; frames of objects that were not chosen count neither as right nor as wrong."""
    shown = sums.right + sums.wrong
    return IdentityScores(
        idf1=2 * sums.right / np.maximum(sums.wanted + shown, 1),
        idp=sums.right / np.maximum(shown, 1),
        idr=sums.right / np.maximum(sums.wanted, 1),
    )
