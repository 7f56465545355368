"""Which clips a video is cut into."""

import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.ops.clip_schedule import NEVER, ClipSchedule


def clips_of(schedule, length):
    start, found = NEVER, []
    while (start := int(schedule.next_start(jnp.int32(start), jnp.int32(length)))) != NEVER:
        found.append(start)
    return found


@pytest.mark.parametrize("num_frames, overlap", [(8, 4), (8, 6), (4, 1), (3, 2)])
def test_clips_cover_a_video_and_what_shares_frames_with_one_fits_the_window(num_frames, overlap):
    schedule = ClipSchedule(num_frames, overlap)
    for length in range(1, 4 * num_frames):
        starts = clips_of(schedule, length)
        frames = [np.asarray(schedule.frames(jnp.int32(start))) for start in starts]
        assert set(np.concatenate(frames)) == set(range(length))
        assert len(starts) == 1 or starts[-1] == length - num_frames
        for i, own in enumerate(frames):
            sharing = [start for start in starts if abs(start - starts[i]) < num_frames]
            assert len(sharing) <= schedule.sharing
            query = starts[i - 1] + num_frames if i else 0  # the first that no clip covers
            assert own[0] >= query - schedule.before
            assert max(sharing) + num_frames - 1 <= query + schedule.after


def test_a_short_video_repeats_its_first_frame_and_counts_it_once():
    schedule = ClipSchedule(8, 4)
    (start,) = clips_of(schedule, 3)
    np.testing.assert_array_equal(schedule.frames(jnp.int32(start)), [0, 0, 0, 0, 0, 0, 1, 2])
    np.testing.assert_array_equal(np.flatnonzero(schedule.newest(jnp.int32(start))), [5, 6, 7])


@pytest.mark.parametrize("overlap", [0, 8])
def test_clips_must_share_frames_and_go_on(overlap):
    with pytest.raises(ValueError, match=f"overlap is {overlap}; expected 1 to 7"):
        ClipSchedule(8, overlap)
