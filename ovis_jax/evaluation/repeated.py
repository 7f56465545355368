"""The same track more than once in results: scored like any other, but counted for a note."""

from __future__ import annotations

import collections
import hashlib
from collections.abc import Iterable, Sequence

from ovis_jax.formats.results import TrackResult

TrackKey = tuple[int, int, float, bytes]
"""What two tracks have in common only if they are the same; also from one process to another."""


def track_keys(tracks: Sequence[TrackResult]) -> list[TrackKey]:
    """A key of every track that has a mask."""
    return [
        (track.video_id, track.category_id, track.score, _digest(track))
        for track in tracks
        if any(track.segmentations.entries)
    ]


def num_repeated(tracks: Sequence[TrackResult]) -> int:
    """How many tracks with a mask are the same as an earlier one."""
    alike = collections.defaultdict(list)
    for track in tracks:
        alike[track.video_id, track.category_id, track.score].append(track)
    return sum(count_repeated(track_keys(own)) for own in alike.values() if len(own) > 1)


def count_repeated(keys: Iterable[TrackKey]) -> int:
    """How many keys are the same as an earlier one."""
    keys = list(keys)
    return len(keys) - len(set(keys))


def _digest(track: TrackResult) -> bytes:
    text = "\n".join(counts or "" for counts in track.segmentations.entries)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()
