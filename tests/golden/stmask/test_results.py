"""Output tracks and results.json of whole videos, against the published script's writer."""

import functools

import jax
import numpy as np
import pytest
from golden.comparison import differing_pixels
from golden.stmask.sequences import sequence
from golden.stmask.stmask_model import (
    RUNS,
    clip_scale,
    counts,
    frames_of,
    manifest,
    settings,
    system_of,
    videos_of,
)
from golden_folder import golden_json

from ovis_jax.inference.collect import VideoTracks
from ovis_jax.inference.stream import ChunkOutput
from ovis_jax.tracking.paste import OriginalFrame

SCORE_TOLERANCE = 1e-4
PIXELS, FRAGILE_PIXELS = 8, 1000
CASES = [(run, video) for run in RUNS for video in videos_of(run)]
WRITTEN = [case for case in CASES if case[1] != "v2"]

pytestmark = pytest.mark.exhaustive


def recorded_frames(run, video):
    frames = golden_json("stmask", f"tracking_{run}.json")["frames"]
    return [frame for frame in frames if frame["video"] == video]


@functools.cache
def tracks(run, video):
    """The tracks of a video, collected from its outputs."""
    rule = system_of(run)[0].mask_rule
    found = VideoTracks(settings()["W"], settings()["H"], clip_scale(), rule)
    frames = sequence(run, video)["output"]
    found.add(ChunkOutput(first_frame=0, stop_frame=len(frames.valid), frames=frames))
    return found.tracklets


def allowed_pixels(run, video, t, track):
    listed = manifest()["crop_edges_within_2e-4_px"].get(run, [])
    return FRAGILE_PIXELS if [video, t, track] in listed else PIXELS


@pytest.mark.parametrize(("run", "video"), CASES)
def test_every_track_that_is_shown_and_its_mask(run, video):
    output = sequence(run, video)["output"]
    records = recorded_frames(run, video)
    assert [frame["frame"] for frame in records] == frames_of(run, video)
    by_frame = masks_of(run, video)
    for frame in records:
        t = frame["frame"]
        shown = np.flatnonzero(output.valid[t])
        assert output.ids[t][shown].tolist() == [track["id"] for track in frame["tracks"]]
        for slot, track in zip(shown, frame["tracks"], strict=True):
            assert output.labels[t][slot] + 1 == track["label"]
            assert abs(output.scores[t][slot] - track["score"]) < SCORE_TOLERANCE
            corners = output.boxes[t][slot].astype(np.int32)
            assert np.abs(corners - track["box"]).max() == 0
            different = differing_pixels(by_frame[t][int(slot)], track["mask"])
            assert different <= allowed_pixels(run, video, t, track["id"])


@functools.cache
def masks_of(run, video) -> list[dict]:
    """Masks of each frame by identity."""
    output, rule = sequence(run, video)["output"], system_of(run)[0].mask_rule
    found = []
    for t in range(len(output.valid)):
        kept = np.flatnonzero(output.valid[t])
        objects = jax.tree.map(lambda x, t=t, k=kept: x[t][k] if x.ndim > 1 else x[t], output)
        masks = rule(objects, OriginalFrame(settings()["H"], settings()["W"], clip_scale(), t))
        found.append(dict(zip(objects.ids.tolist(), masks, strict=True)))
    return found


@pytest.mark.parametrize(("run", "video"), CASES)
def test_how_many_tracks_are_shown(run, video):
    output = sequence(run, video)["output"]
    rows = [row for row in counts(run) if row["video"] == video]
    assert output.valid.sum(1).tolist() == [row["after centre test"] for row in rows]


@pytest.mark.parametrize(("run", "video"), WRITTEN)
def test_results_are_those_of_the_published_writer(run, video):
    number = 1 + [v for r, v in WRITTEN if r == run].index(video)
    length = len(frames_of(run, video))
    classes = system_of(run)[0].anchors.num_classes
    ours = tracks(run, video).records(number, length, list(range(1, classes + 1)))
    want = [x for x in golden_json("stmask", f"results_{run}.json") if x["video_id"] == number]
    assert len(ours) == len(want) > 0
    for track, mine, theirs in zip(shown_ids(run, video), ours, want, strict=True):
        assert mine["category_id"] == theirs["category_id"]
        assert abs(mine["score"] - theirs["score"]) < SCORE_TOLERANCE
        pairs = zip(mine["segmentations"], padded(theirs["segmentations"], length), strict=True)
        for t, (a, b) in enumerate(pairs):
            assert (a is None) == (b is None)
            allowed = allowed_pixels(run, video, t, track)
            assert a is None or differing_pixels(a, b) <= allowed


def shown_ids(run, video) -> list[int]:
    output = sequence(run, video)["output"]
    return np.unique(output.ids[output.valid]).tolist()


def padded(masks, length):
    """Masks with nothing in the frames after the last one that is listed."""
    return masks + [None] * (length - len(masks))
