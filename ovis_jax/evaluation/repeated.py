"""The same track more than once in results: scored like any other, but counted for a note."""

from __future__ import annotations

import collections
import hashlib
from collections.abc import Iterable, Sequence

from ovis_jax.formats.results import TrackResult

TrackHead = tuple[int, int, float]
"""Video, category and score."""

TrackKey = tuple[int, int, float, bytes]
"""What two tracks have in common only if they are the same; also from one process to another."""


def track_heads(tracks: Sequence[TrackResult]) -> list[TrackHead | None]:
    """The head of every track; None for those without a mask."""
    return [
        (track.video_id, track.category_id, track.score)
        if any(track.segmentations.entries)
        else None
        for track in tracks
    ]


def alike(parts: Sequence[Sequence[TrackHead | None]]) -> list[list[int]]:
    """Of each part of the results the numbers of tracks that have the head of another track."""
    times = collections.Counter(head for heads in parts for head in heads if head is not None)
    return [[number for number, head in enumerate(heads) if times[head] > 1] for heads in parts]


def track_keys(tracks: Iterable[TrackResult]) -> list[TrackKey]:
    """A key of every track."""
    return [(track.video_id, track.category_id, track.score, _digest(track)) for track in tracks]


def num_repeated(tracks: Sequence[TrackResult]) -> int:
    """How many tracks with a mask are the same as an earlier one."""
    (numbers,) = alike([track_heads(tracks)])
    return count_repeated(track_keys(tracks[number] for number in numbers))


def count_repeated(keys: Iterable[TrackKey]) -> int:
    """How many keys are the same as an earlier one."""
    keys = list(keys)
    return len(keys) - len(set(keys))


def _digest(track: TrackResult) -> bytes:
    text = "\n".join(counts or "" for counts in track.segmentations.entries)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
