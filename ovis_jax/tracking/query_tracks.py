"""Queries that were followed through a whole video, to its tracks; numpy."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ovis_jax.tracking.rules import Track


def best_queries(tracks: Sequence[Track], max_results: int) -> list[Track]:
    """The (query, class) pairs with the highest probabilities.

    A query's class logits are averaged over all frames, also those in which its object is hidden;
    their softmax, without "no object", are its scores. There is no threshold, and one query may
    give several tracks of different classes and the same masks. Source: VidEoMT's `videomt_online`.

    Args:
      tracks: of the queries, with class logits [F, K + 1], "no object" last.
      max_results: how many, at most.

    Returns:
      Tracks of one score and one class each, best first.
    """
    if not tracks:
        return []
    means = np.stack([track.class_scores.mean(axis=0, dtype=np.float32) for track in tracks])
    exponentials = np.exp(means - means.max(axis=1, keepdims=True))
    probs = (exponentials / exponentials.sum(axis=1, keepdims=True))[:, :-1]
    best = np.argsort(-probs, axis=None, kind="stable")[:max_results]
    return [
        _with(tracks[query], float(probs[query, label]), int(label))
        for query, label in zip(*np.unravel_index(best, probs.shape), strict=True)
    ]


def _with(track: Track, score: float, label: int) -> Track:
    """A track with one score and one class throughout."""
    return dataclasses.replace(
        track, scores=np.full(len(track), score), labels=np.full(len(track), label)
    )
