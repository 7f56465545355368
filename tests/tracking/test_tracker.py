"""What linkers have in common."""

import pytest

from ovis_jax.tracking.center import CenterTracker
from ovis_jax.tracking.cues import CueTracker
from ovis_jax.tracking.iou import IoUTracker
from ovis_jax.tracking.shifted import ShiftedTracker
from ovis_jax.tracking.similarity import SimilarityTracker


@pytest.mark.parametrize(
    "linker", [CenterTracker, CueTracker, IoUTracker, ShiftedTracker, SimilarityTracker]
)
def test_linkers_that_take_nothing_back_keep_all_tracks_of_a_video(linker):
    tracks = ["first", "second"]
    assert linker.finish(None, tracks) == tracks
