"""What of a track can be judged where only some frames of a video are annotated."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Sequence

from ovis_jax.formats.annotations import Video
from ovis_jax.formats.results import ReadResults

UNANNOTATED = "frames"
"""In `ReadResults.dropped`: tracks of each video that have masks in other frames alone."""


def in_annotated_frames(read: ReadResults, videos: Sequence[Video]) -> ReadResults:
    """Tracks without their masks in frames that nobody annotated.

    A track all of whose masks are in such frames is dropped: nothing says whether it is right. A
    track without any mask stays, as in the official evaluator.

    Args:
      read: tracks of these videos.
      videos: of the ground truth.
    """
    partial = {v.id: v.is_annotated() for v in videos if v.annotated_frames is not None}
    dropped: collections.Counter[int] = collections.Counter()
    tracks = []
    for track in read.tracks:
        if track.video_id in partial:
            masks = track.segmentations.in_frames(partial[track.video_id])
            if track.segmentations.areas().any() and not masks.areas().any():
                dropped[track.video_id] += 1
                continue
            track = dataclasses.replace(track, segmentations=masks)
        tracks.append(track)
    return ReadResults(tracks, read.dropped | {UNANNOTATED: dropped})
