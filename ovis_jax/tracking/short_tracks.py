"""Tracks that were seen in few frames and then no more are taken back; numpy."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from ovis_jax.tracking.paste import encode_crop
from ovis_jax.tracking.rules import Track


@dataclasses.dataclass(frozen=True)
class ShortTracks:
    """What IDOL's published code deletes from its output while it goes through a video.

    After each frame from `first_frame` on, it deletes what it has collected of every identity that
    was seen in fewer than `min_frames` frames and neither in the last `absent` ones. An identity
    that is found again after that begins anew: its earlier masks are lost.

    Attributes:
      min_frames: frames with a mask from which on a track stays; 0: all stay.
      absent: frames without.
      first_frame: number of the first frame after which tracks are deleted.
    """

    min_frames: int = 3
    absent: int = 2
    first_frame: int = 9

    def __call__(self, tracks: Sequence[Track], num_frames: int) -> list[Track]:
        """What is left of tracks of a video, in the order in which it begins.

        Of those that begin in one frame, the better score is first, as detections are.
        """
        left = [
            kept for track in tracks if (kept := self._last_life(track, num_frames)) is not None
        ]
        return sorted(left, key=lambda track: (track.frames[0], -track.scores[0]))

    def _last_life(self, track: Track, num_frames: int) -> Track | None:
        """The part of a track that is left at the end."""
        start = 0
        ends = (*track.frames[1:], num_frames)
        for number, (frame, end) in enumerate(zip(track.frames, ends, strict=True), start=1):
            looked_at = end > max(self.first_frame, frame + self.absent)
            if looked_at and number - start < self.min_frames:
                start = number
        return None if start == len(track) else part_of(track, slice(start, None))


def part_of(track: Track, part: slice) -> Track:
    """A track in some of its frames only."""
    scores = track.class_scores
    return Track(
        frames=track.frames[part],
        scores=track.scores[part],
        labels=track.labels[part],
        class_scores=None if scores is None else scores[part],
        rles=track.rles[part],
    )


def in_every_frame(track: Track, num_frames: int) -> Track:
    """A track with empty masks where it is absent, and its means in every frame.

    So that the mean score and the mean class scores stay what they are. Source: IDOL's writer.
    """
    rles = dict(zip(track.frames, track.rles, strict=True))
    height, width = track.rles[0]["size"]
    empty = encode_crop(np.zeros((0, 0), bool), 0, 0, height, width)
    scores = track.class_scores
    return Track(
        frames=tuple(range(num_frames)),
        scores=np.full(num_frames, np.mean(track.scores)),
        labels=np.full(num_frames, np.bincount(track.labels).argmax()),
        class_scores=None
        if scores is None
        else np.tile(scores.mean(axis=0, dtype=np.float64), (num_frames, 1)),
        rles=tuple(rles.get(frame, empty) for frame in range(num_frames)),
    )
