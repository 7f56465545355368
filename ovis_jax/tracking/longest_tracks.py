"""Tracks that last longest, whose scores are their shares of pixels; numpy. Source: STEm-Seg."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ovis_jax.tracking.rules import Track


def longest_tracks(tracks: Sequence[Track], max_tracks: int) -> list[Track]:
    """Keeps the tracks with the most frames from their first to their last one.

    Args:
      tracks: in the order of their first appearance. The scores of their objects are numbers of
        pixels, the class scores sums over them [F, K].
      max_tracks: how many, at most.

    Returns:
      Longest first, of equals the earlier one. A track's score is its number of pixels over that of
      the largest one kept; its class is that of the greatest mean.
    """
    kept = sorted(tracks, key=lambda track: track.frames[0] - track.frames[-1])[:max_tracks]
    most = max((track.scores.sum() for track in kept), default=1.0)
    return [_scored(track, most) for track in kept]


def _scored(track: Track, most: float) -> Track:
    """A track with one score and one class throughout."""
    sums = track.class_scores.sum(axis=0, dtype=np.float64)
    return dataclasses.replace(
        track,
        scores=np.full(len(track), track.scores.sum() / most),
        labels=np.full(len(track), int(sums.argmax())),
    )
