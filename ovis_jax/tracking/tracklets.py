"""Objects of single frames to tracks with one score and one category each."""

from collections.abc import Sequence

import numpy as np


class Tracklets:
    """Collects the tracks of one video, frame by frame."""

    def __init__(self):
        """Starts without tracks."""
        self._tracks: dict[int, dict[int, tuple[float, int, dict]]] = {}  # by id, by frame

    def __len__(self) -> int:
        """Number of tracks so far."""
        return len(self._tracks)

    def add(
        self,
        frame: int,
        ids: Sequence[int],
        scores: Sequence[float],
        labels: Sequence[int],
        rles: Sequence[dict],
    ) -> None:
        """Adds the objects of one frame, those that hold an identity.

        Args:
          frame: number of the frame in its video.
          ids: identities, different ones.
          scores: in [0, 1].
          labels: in [0, K).
          rles: masks in the size of the original frames, `{"size": [h, w], "counts": str}`.
        """
        for track_id, score, label, rle in zip(ids, scores, labels, rles, strict=True):
            track = self._tracks.setdefault(int(track_id), {})
            if frame in track:
                raise ValueError(f"identity {track_id} occurs twice in frame {frame}")
            track[frame] = (float(score), int(label), rle)

    def records(self, video_id: int, length: int, category_ids: Sequence[int]) -> list[dict]:
        """The tracks as records of results.json, in order of first appearance.

        A track's score is the mean over the frames in which it appears, its category the most
        frequent one (of equals, that of the smallest label).

        Args:
          video_id: of the annotations.
          length: number of frames; a record has one mask or None for each.
          category_ids: the annotations' category id of each label.
        """
        return [_record(track, video_id, length, category_ids) for track in self._tracks.values()]


def _record(
    track: dict[int, tuple[float, int, dict]],
    video_id: int,
    length: int,
    category_ids: Sequence[int],
) -> dict:
    segmentations: list[dict | None] = [None] * length
    for frame, (_, _, rle) in track.items():
        segmentations[frame] = rle
    scores, labels, _ = zip(*track.values(), strict=True)
    return {
        "video_id": video_id,
        "score": float(np.mean(scores)),
        "category_id": int(category_ids[np.bincount(labels).argmax()]),
        "segmentations": segmentations,
    }
