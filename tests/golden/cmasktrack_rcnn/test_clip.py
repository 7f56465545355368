"""Whole clips, from frames to results, against what the reference implementation wrote."""

import functools

import numpy as np
import pytest
from golden.cmasktrack_rcnn.published_model import (
    VIDEO_IDS,
    clip_setting,
    small_model,
    tracking,
    video_frames,
)
from golden.comparison import BOX_TOLERANCE, SCORE_TOLERANCE, assert_same_records
from golden_folder import golden_json

from configs import cmasktrack_rcnn_r50_ovis
from ovis_jax.data.transforms import Resizing, frame_geometry, transform_image
from ovis_jax.inference.collect import VideoTracks
from ovis_jax.inference.stream import VideoStream

pytestmark = pytest.mark.exhaustive


@functools.cache
def stream() -> VideoStream:
    """Compiled once for all videos."""
    return VideoStream(*small_model(), chunk=4, tracks=256)


def run(frames: np.ndarray):
    """The chunks of a video of frames [T, H, W, 3], and its tracks."""
    data = cmasktrack_rcnn_r50_ovis.get_config().data
    height, width = frames.shape[1:3]
    scale = tuple(clip_setting()["img_scale"])
    geometry = frame_geometry(width, height, Resizing(scale, data.pad_multiple))
    canvases = (transform_image(image, geometry, flip=False) for image in frames)
    tracks = VideoTracks(width, height, geometry.scale)
    chunks = list(stream()(canvases, (geometry.height, geometry.width), geometry.scale))
    for chunk in chunks:
        tracks.add(chunk)
    return chunks, tracks


@functools.cache
def outputs(video: str):
    """Those of a recorded video."""
    return run(video_frames(video))


def objects_by_frame(video: str) -> dict[int, dict[int, tuple]]:
    """Frame → identity → (box, score, label)."""
    found = {}
    for chunk in outputs(video)[0]:
        for slot, valid in enumerate(np.asarray(chunk.frames.valid)):
            frame = chunk.first_frame + slot
            for i in np.flatnonzero(valid):
                own = chunk.frames.boxes[slot, i], chunk.frames.scores[slot, i]
                label = int(chunk.frames.labels[slot, i])
                found.setdefault(frame, {})[int(chunk.frames.ids[slot, i])] = (*own, label)
    return found


@pytest.mark.parametrize("video", VIDEO_IDS)
def test_the_same_objects_with_the_same_identities_in_every_frame(video):
    found = objects_by_frame(video)
    for record in tracking(video):
        ours = found.get(record["frame"], {})
        assert set(ours) == {int(identity) for identity in record["kept"]}
        for identity, index in record["kept"].items():
            want = record["detections"][index]
            box, score, label = ours[int(identity)]
            assert label == want["label"]
            assert np.abs(np.asarray(box) - want["box"]).max() < BOX_TOLERANCE
            assert abs(float(score) - want["score"]) < SCORE_TOLERANCE


@pytest.mark.parametrize(("video", "video_id"), VIDEO_IDS.items())
def test_results_are_those_of_the_reference(video, video_id):
    ours = outputs(video)[1].tracklets.records(video_id, len(tracking(video)), range(1, 26))
    recorded = golden_json("cmasktrack_rcnn", "results_intended.json")
    want = [record for record in recorded if record["video_id"] == video_id]
    assert_same_records(ours, want)


def test_a_clip_of_one_frame_is_its_own_reference():
    chunks, _ = run(video_frames("v0")[:1])
    assert sum(int(np.asarray(chunk.frames.valid).sum()) for chunk in chunks) > 0
    assert all(np.isfinite(np.asarray(chunk.frames.boxes)).all() for chunk in chunks)
