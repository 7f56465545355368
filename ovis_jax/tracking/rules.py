"""What a track says as a whole: its objects, frame by frame, to scores and categories; numpy.

A system names its rule (`track_rule`). `mean_and_majority` is that of MaskTrack R-CNN and of all
systems that name no other one.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np


@dataclasses.dataclass(frozen=True)
class Track:
    """The objects of one identity, in the order of frames.

    Attributes:
      frames: [F] numbers of the frames in which it appears.
      scores: [F] float64.
      labels: [F] int64 in [0, K).
      class_scores: [F, K] float32, or None where the system does not give them.
      rles: [F] masks in the size of the original frames, `{"size": [h, w], "counts": str}`.
    """

    frames: Sequence[int]
    scores: np.ndarray
    labels: np.ndarray
    class_scores: np.ndarray | None
    rles: Sequence[dict]

    def __len__(self) -> int:
        """Number of frames in which it appears, at least one."""
        return len(self.frames)


TrackRule = Callable[[Track], Sequence[tuple[float, int]]]
"""A track's records as (score, label) pairs: one, several of different labels, or none at all."""


def mean_and_majority(track: Track) -> list[tuple[float, int]]:
    """One record: the mean score and the most frequent label, of equals the smallest."""
    return [(float(np.mean(track.scores)), int(np.bincount(track.labels).argmax()))]


def mean_of_detected(track: Track) -> list[tuple[float, int]]:
    """`mean_and_majority` of the frames with a score above 0; none of a track without any.

    For systems whose tracks go on in frames in which they were not detected, with a score of 0.
    """
    seen = np.flatnonzero(track.scores > 0)
    if not len(seen):
        return []
    labels = track.labels[seen]
    return [(float(np.mean(track.scores[seen])), int(np.bincount(labels).argmax()))]


def mean_of_classes(track: Track) -> list[tuple[float, int]]:
    """One record: the class of the highest mean score over the frames, with that mean.

    Tracks have class scores. Unlike a vote, it weighs how sure each frame is of every class.
    """
    means = np.mean(track.class_scores, axis=0, dtype=np.float64)
    label = int(means.argmax())
    return [(float(means[label]), label)]


def mean_classes_above(threshold: float) -> TrackRule:
    """A rule with a record for each class whose mean score over the frames is above a threshold.

    Tracks have class scores. One may have several records, or none. Source: IDOL's published code.
    """

    def rule(track: Track) -> list[tuple[float, int]]:
        means = np.mean(track.class_scores, axis=0, dtype=np.float64)
        return [(float(means[label]), int(label)) for label in np.flatnonzero(means > threshold)]

    return rule
