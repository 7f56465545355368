"""Objects of single frames to tracks, and tracks to records of results.json."""

from collections.abc import Callable, Sequence

import numpy as np

from ovis_jax.tracking.rules import Track, TrackRule, mean_and_majority


class Tracklets:
    """Collects the tracks of one video, frame by frame."""

    def __init__(self):
        """Starts without tracks."""
        self._tracks: dict[int, dict[int, tuple]] = {}  # by id, by frame
        self._finished: list[Track] | None = None

    def __len__(self) -> int:
        """Number of tracks so far."""
        return len(self.tracks())

    def add(
        self,
        frame: int,
        ids: Sequence[int],
        scores: Sequence[float],
        labels: Sequence[int],
        rles: Sequence[dict],
        class_scores: np.ndarray | None = None,
    ) -> None:
        """Adds the objects of one frame, those that hold an identity.

        Args:
          frame: number of the frame in its video.
          ids: identities, different ones.
          scores: of the objects.
          labels: in [0, K).
          rles: masks in the size of the original frames, `{"size": [h, w], "counts": str}`.
          class_scores: [D, K], or None where the system does not give them.
        """
        every = [None] * len(ids) if class_scores is None else class_scores
        for track_id, score, label, rle, own in zip(ids, scores, labels, rles, every, strict=True):
            track = self._tracks.setdefault(int(track_id), {})
            if frame in track:
                raise ValueError(f"identity {track_id} occurs twice in frame {frame}")
            track[frame] = (float(score), int(label), own, rle)

    def tracks(self) -> list[Track]:
        """The tracks, in order of first appearance, or as they were finished."""
        if self._finished is not None:
            return self._finished
        return [_track(objects) for objects in self._tracks.values()]

    def finish(self, finish: Callable[[list[Track]], list[Track]]) -> None:
        """Replaces the tracks, once the video is over, by what a system makes of them."""
        self._finished = finish(self.tracks())

    def records(
        self,
        video_id: int,
        length: int,
        category_ids: Sequence[int],
        rule: TrackRule = mean_and_majority,
    ) -> list[dict]:
        """The tracks as records of results.json, in their order.

        Args:
          video_id: of the annotations.
          length: number of frames; a record has one mask or None for each.
          category_ids: the annotations' category id of each label.
          rule: gives scores and labels of the records of a track.
        """
        return [
            {
                "video_id": video_id,
                "score": float(score),
                "category_id": int(category_ids[label]),
                "segmentations": _segmentations(track, length),
            }
            for track in self.tracks()
            for score, label in rule(track)
        ]


def _track(objects: dict[int, tuple]) -> Track:
    scores, labels, class_scores, rles = zip(*objects.values(), strict=True)
    return Track(
        frames=tuple(objects),
        scores=np.array(scores),
        labels=np.array(labels),
        class_scores=None if class_scores[0] is None else np.stack(class_scores),
        rles=rles,
    )


def _segmentations(track: Track, length: int) -> list[dict | None]:
    segmentations: list[dict | None] = [None] * length
    for frame, rle in zip(track.frames, track.rles, strict=True):
        segmentations[frame] = rle
    return segmentations
