"""Which tracks stay, and what they score."""

import numpy as np

from ovis_jax.tracking.longest_tracks import longest_tracks
from ovis_jax.tracking.rules import Track


def track(frames, pixels, sums):
    return Track(
        frames=frames,
        scores=np.array(pixels, float),
        labels=np.zeros(len(frames), int),
        class_scores=np.array(sums, np.float32),
        rles=[{}] * len(frames),
    )


SHORT = track((0, 1, 2), (100, 100, 100), [[0, 1], [0, 1], [0, 1]])
GAP = track((1, 6), (10, 30), [[5, 0], [0, 4]])  # five frames from the first to the last
LATE = track((4, 5, 9), (20, 20, 20), [[0, 1], [0, 1], [3, 0]])


def test_the_longest_stay_and_of_equals_the_earlier():
    kept = longest_tracks([SHORT, GAP, LATE], 2)
    assert [own.frames for own in kept] == [GAP.frames, LATE.frames]


def test_scores_are_shares_of_the_largest_track_that_stays():
    kept = longest_tracks([SHORT, GAP, LATE], 2)
    assert [own.scores[0] for own in kept] == [40 / 60, 1.0]
    assert longest_tracks([SHORT, GAP, LATE], 3)[0].scores[0] == 40 / 300


def test_the_class_is_that_of_all_pixels_together():
    kept = longest_tracks([GAP, LATE], 2)
    assert [own.labels.tolist() for own in kept] == [[0, 0], [0, 0, 0]]
    assert longest_tracks([SHORT], 1)[0].labels.tolist() == [1, 1, 1]


def test_a_video_without_tracks_has_none():
    assert longest_tracks([], 10) == []
