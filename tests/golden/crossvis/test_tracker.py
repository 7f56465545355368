"""CrossVIS's tracker over recorded detections, from empty frames to exact ties."""

import jax
import numpy as np
import pytest
from golden_folder import golden_arrays, golden_json
from tracking.padded import make_detections

from ovis_jax.tracking.similarity import SimilarityTracker
from ovis_jax.tracking.tracklets import Tracklets

FIELDS = ("boxes", "scores", "classes", "emb", "track_ids")
CATEGORIES = range(1, 1000)  # the category of each label


def recorded_videos() -> list[list[dict[str, np.ndarray]]]:
    """The recorded arrays of every frame of every video, in their order."""
    arrays = golden_arrays("crossvis", "tracker.npz")
    names = {name.split("/")[0] for name in arrays}
    numbers = sorted(tuple(int(x) for x in name[1:].split("_t")) for name in names)
    videos = [[] for _ in range(1 + numbers[-1][0])]
    for video, frame in numbers:
        videos[video].append({x: arrays[f"v{video}_t{frame}/{x}"] for x in FIELDS})
    return videos


VIDEOS = recorded_videos()
MOST = max(len(frame["boxes"]) for video in VIDEOS for frame in video)
ALL = max(sum(len(frame["boxes"]) for frame in video) for video in VIDEOS)
TRACKER = SimilarityTracker()
step = jax.jit(TRACKER.step)


def padded(frame):
    fields = (frame[x] for x in ("boxes", "scores", "classes", "emb"))
    return make_detections(*fields, capacity=MOST, fill=np.nan)


def tracked(video) -> list[np.ndarray]:
    """Identities of the detections of each frame, -1 for those that are dropped."""
    memory, ids = TRACKER.init_memory(ALL, VIDEOS[0][0]["emb"].shape[1]), []
    for frame in video:
        memory, output = step(memory, padded(frame))
        ids.append(np.where(output.valid, output.ids, -1)[: len(frame["boxes"])])
        assert not output.valid[len(frame["boxes"]) :].any() and output.overflow == 0
    return ids


@pytest.mark.parametrize("number", range(len(VIDEOS)))
def test_identities_of_every_frame_are_the_recorded_ones(number):
    for t, (ids, frame) in enumerate(zip(tracked(VIDEOS[number]), VIDEOS[number], strict=True)):
        np.testing.assert_array_equal(ids, frame["track_ids"], err_msg=f"frame {t}")


def test_records_of_all_videos_are_the_recorded_ones():
    records = []
    for number, video in enumerate(VIDEOS, start=1):
        tracklets = Tracklets()
        for t, (ids, frame) in enumerate(zip(tracked(video), video, strict=True)):
            held = ids >= 0
            fields = (ids[held], frame["scores"][held], frame["classes"][held])
            tracklets.add(t, *fields, [{"frame": t}] * held.sum())
        records += tracklets.records(number, len(video), CATEGORIES, TRACKER.track_rule)
    want = golden_json("crossvis", "tracker_results.json")
    assert len(records) == len(want)
    for ours, theirs in zip(records, want, strict=True):
        frames = [t for t, rle in enumerate(ours["segmentations"]) if rle is not None]
        assert frames == theirs["frames"]
        assert ours["category_id"] == theirs["category_id"]
        assert ours["video_id"] == theirs["video_id"]
        assert ours["score"] == pytest.approx(theirs["score"], abs=1e-6)
