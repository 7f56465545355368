"""Rules of systems other than those of this package, as their papers and codes have them."""

import dataclasses

import numpy as np


def first_label(track):
    """The mean score, and the label of the first frame (CrossVIS)."""
    return [(np.mean(track.scores), track.labels[0])]


def every_likely_class(track, threshold=0.05):
    """A record for every class whose mean score is above a threshold (IDOL)."""
    scores = track.class_scores.mean(axis=0)
    return [(scores[label], label) for label in np.flatnonzero(scores > threshold)]


def share_of_pixels(track):
    """The best class over all pixels; scores are pixel counts that `largest_is_one` has divided."""
    return [(track.scores.sum(), 1 + track.class_scores.sum(axis=0)[1:].argmax())]


def largest_is_one(tracks):
    """Pixel counts relative to the track with the most pixels (STEm-Seg)."""
    most = max((track.scores.sum() for track in tracks), default=1)
    return [dataclasses.replace(track, scores=track.scores / most) for track in tracks]
