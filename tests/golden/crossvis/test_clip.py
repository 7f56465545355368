"""Whole clips through the stream, from resized frames to results, against the published script."""

import functools

import jax
import numpy as np
import pytest
from golden.cmasktrack_rcnn.published_model import clip_canvases
from golden.comparison import BOX_TOLERANCE, MASK_PIXELS, differing_pixels
from golden.crossvis.crossvis_model import (
    RUNS,
    SCORE_TOLERANCE,
    VIDEOS,
    clip_scale,
    manifest,
    published_crossvis,
    resized,
    system_of,
    tracked_frames,
)
from golden_folder import golden_json

from ovis_jax.inference.collect import VideoTracks
from ovis_jax.inference.stream import VideoStream
from ovis_jax.tracking.paste import OriginalFrame

TRACKS = 256

pytestmark = pytest.mark.exhaustive
every_video = pytest.mark.parametrize("video", VIDEOS)
every_run = pytest.mark.parametrize("run", RUNS)


@functools.cache
def stream(run: str) -> VideoStream:
    """Compiled once for both videos."""
    return VideoStream(system_of(run), published_crossvis()[1], chunk=2, tracks=TRACKS)


@functools.cache
def outputs(run: str, video: int):
    """Frame outputs of a video, and its tracks."""
    canvases, size = clip_canvases(resized(video)), tuple(manifest()["test_size"])
    tracks = VideoTracks(manifest()["W"], manifest()["H"], clip_scale(), system_of(run).mask_rule)
    found = []
    for chunk in stream(run)(canvases, size, clip_scale()):
        tracks.add(chunk)
        found.append(chunk.frames)
    return jax.tree.map(lambda *x: np.concatenate(x), *jax.device_get(found)), tracks


def recorded_frames(run, video):
    return [frame for frame in tracked_frames(run) if frame["video"] == video]


@every_video
@every_run
def test_every_detection_and_its_identity(run, video):
    found, _ = outputs(run, video)
    for frame in recorded_frames(run, video):
        t, detections = frame["frame"], frame["detections"]
        full = len(detections) == system_of(run).capacity.detections
        assert detections and (full or found.overflow[t] == 0)
        for i, want in enumerate(detections):
            assert found.valid[t, i] == (want["track_id"] >= 0)
            assert not found.valid[t, i] or found.ids[t, i] == want["track_id"]
            assert found.labels[t, i] == want["label"]
            assert np.abs(found.boxes[t, i] - want["box"]).max() < BOX_TOLERANCE
            assert abs(found.scores[t, i] - want["score"]) < SCORE_TOLERANCE
        assert not found.valid[t, len(detections) :].any()


def uncertain_pixels(run, video):
    """By identity and frame, pixels whose probability is next to one half."""
    return {
        (detection["track_id"], frame["frame"]): detection["uncertain_pixels"]
        for frame in recorded_frames(run, video)
        for detection in frame["detections"]
    }


@every_video
@every_run
def test_results_are_those_of_the_published_script(run, video):
    _, tracks = outputs(run, video)
    length = len(resized(video))
    classes = published_crossvis()[0].fcos.num_classes
    ours = tracks.tracklets.records(video + 1, length, list(range(1, classes + 1)))
    file = "results.json" if run == "main" else "results_dense.json"
    want = [entry for entry in golden_json("crossvis", file) if entry["video_id"] == video + 1]
    uncertain = uncertain_pixels(run, video)
    assert len(ours) == len(want) > 0
    for identity, (mine, theirs) in enumerate(zip(ours, want, strict=True)):
        assert mine["category_id"] == theirs["category_id"]
        assert abs(mine["score"] - theirs["score"]) < SCORE_TOLERANCE
        for t, (a, b) in enumerate(
            zip(mine["segmentations"], theirs["segmentations"], strict=True)
        ):
            assert (a is None) == (b is None)
            allowed = max(MASK_PIXELS, uncertain.get((identity, t), 0))
            assert a is None or differing_pixels(a, b) <= allowed


def first_objects(found, frame, count):
    """The first objects of a frame, whether they hold an identity or not."""
    return jax.tree.map(lambda x: x[frame][:count] if x.ndim > 1 else x[frame], found)


@every_video
def test_masks_of_every_detection(video):
    found, _ = outputs("main", video)
    original = OriginalFrame(manifest()["H"], manifest()["W"], clip_scale())
    for frame in recorded_frames("main", video):
        t, detections = frame["frame"], frame["detections"]
        objects = first_objects(found, t, len(detections))
        masks = system_of("main").mask_rule(objects, original)
        for own, want in zip(masks, detections, strict=True):
            allowed = max(MASK_PIXELS, want["uncertain_pixels"])
            assert differing_pixels(own, want["mask"]) <= allowed
