"""Short tracks that are taken back, beside the same rule applied after every frame."""

import numpy as np
import pytest

from ovis_jax.formats import rle
from ovis_jax.tracking.rules import Track
from ovis_jax.tracking.short_tracks import ShortTracks, in_every_frame

LENGTH = 16


def track_of(frames, score=0.5):
    count = len(frames)
    masks = [rle.encode(np.full((2, 3), frame % 2 == 0)) for frame in frames]
    return Track(
        frames=tuple(int(x) for x in frames),
        scores=np.full(count, score),
        labels=np.zeros(count, int),
        class_scores=np.stack([np.arange(count), 1.0 + np.arange(count)], axis=1),
        rles=tuple(masks),
    )


def naive(hits):
    """Frames of each identity that are left, in order, of a list of frames for each."""
    output = {}
    for frame in range(LENGTH):
        for identity, own in enumerate(hits):
            if frame in own:
                output.setdefault(identity, []).append(frame)
        if frame < 9:
            continue
        for identity, seen in list(output.items()):
            if len(seen) < 3 and frame not in seen and frame - 1 not in seen:
                del output[identity]
    return list(output.values())


@pytest.mark.parametrize("seed", range(10))
def test_what_is_left_is_what_the_loop_over_frames_leaves(seed):
    rng = np.random.default_rng(seed)
    hits = [np.flatnonzero(rng.uniform(size=LENGTH) < share) for share in rng.uniform(0, 0.4, 12)]
    hits = [own for own in hits if len(own)]
    scores = np.linspace(1, 0.1, len(hits))  # as detections stand in each frame
    tracks = [track_of(own, score) for own, score in zip(hits, scores, strict=True)]
    left = ShortTracks()(tracks, LENGTH)
    assert [list(track.frames) for track in left] == naive(hits)


def test_of_a_track_that_begins_anew_its_earlier_masks_and_scores_are_lost():
    (left,) = ShortTracks()([track_of([0, 1, 12, 14])], LENGTH)
    assert left.frames == (12, 14) and len(left.rles) == 2
    np.testing.assert_array_equal(left.class_scores, [[2, 3], [3, 4]])


def test_with_0_frames_all_stay():
    assert len(ShortTracks(min_frames=0)([track_of([0])], LENGTH)) == 1


def test_absent_frames_get_empty_masks_and_means_stay_what_they_are():
    track = track_of([1, 3])
    filled = in_every_frame(track, 5)
    assert filled.frames == tuple(range(5))
    assert (filled.rles[1], filled.rles[3]) == track.rles
    assert rle.area([filled.rles[i] for i in (0, 2, 4)]).tolist() == [0, 0, 0]
    np.testing.assert_allclose(filled.class_scores.mean(0), track.class_scores.mean(0))
    assert filled.scores.mean() == track.scores.mean()
