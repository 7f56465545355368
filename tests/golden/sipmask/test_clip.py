"""Whole clips, from frames to results, against what the reference SipMask wrote."""

import functools

import jax
import numpy as np
import pytest
from golden.comparison import BOX_TOLERANCE, MAP_TOLERANCE, assert_same_records
from golden.sipmask.sipmask_model import (
    MIRRORED,
    SCORE_TOLERANCE,
    assert_recorded_mask,
    image_scale,
    published_sipmask,
    record,
    tracked_frames,
)
from golden_folder import golden_json

from configs import sipmask_r50_ovis
from ovis_jax.data.transforms import Resizing, frame_geometry, transform_image
from ovis_jax.inference.collect import VideoTracks
from ovis_jax.inference.stream import VideoStream

RUNS = {"run10": 10, "run30": 30}  # detections that are kept
VIDEOS = (0, 1)

pytestmark = pytest.mark.exhaustive


def frames(video: int) -> np.ndarray:
    """[T, H, W, 3] uint8 RGB in original size."""
    clip = record("clip_rgb", "inputs.npz")
    return clip if video == 0 else clip[list(MIRRORED), :, ::-1]


@functools.cache
def stream(run: str) -> VideoStream:
    """Compiled once for both videos."""
    system, variables = published_sipmask()
    capacity = system.capacity.replace(detections=RUNS[run])
    return VideoStream(system.clone(capacity=capacity), variables, chunk=2, tracks=64)


@functools.cache
def outputs(run: str, video: int):
    """Frame outputs of a video, and its tracks."""
    images, data = frames(video), sipmask_r50_ovis.get_config().data
    height, width = images.shape[1:3]
    geometry = frame_geometry(width, height, Resizing(image_scale(), data.pad_multiple))
    canvases = (transform_image(image, geometry, flip=False) for image in images)
    tracks = VideoTracks(width, height, geometry.scale)
    found = []
    for chunk in stream(run)(canvases, (geometry.height, geometry.width), geometry.scale):
        tracks.add(chunk)
        found.append(chunk.frames)
    return jax.tree.map(lambda *x: np.concatenate(x), *found), tracks


@pytest.mark.parametrize("video", VIDEOS)
@pytest.mark.parametrize("run", RUNS)
def test_every_detection_with_its_mask_and_its_identity(run, video):
    found, _ = outputs(run, video)
    recorded = [frame for frame in tracked_frames(run) if frame["video"] == video]
    assert len(recorded) == len(frames(video))
    for frame in recorded:
        t, detections = frame["frame"], frame["detections"]
        assert detections
        for i, want in enumerate(detections):
            assert found.ids[t, i] == want["track_id"]
            assert found.labels[t, i] == want["label"]
            assert np.abs(found.boxes[t, i] - want["box"]).max() < BOX_TOLERANCE
            assert abs(found.scores[t, i] - want["score"]) < SCORE_TOLERANCE
            assert_recorded_mask(found.mask_logits[t, i], found.mask_boxes[t, i], want["mask"])
        holders = {int(found.ids[t, i]): i for i in np.flatnonzero(found.valid[t])}
        kept = {int(k): v["score"] for k, v in frame["kept"].items()}
        assert set(holders) == set(kept)
        for identity, i in holders.items():
            assert abs(found.scores[t, i] - kept[identity]) < SCORE_TOLERANCE


@pytest.mark.parametrize("video", VIDEOS)
def test_soft_masks_of_the_first_frame(video):
    found, _ = outputs("run10", video)
    want = record(f"v{video}_t0/soft_masks", "detections_run10.npz")
    probs = 1 / (1 + np.exp(-found.mask_logits[0].astype(np.float64)))
    assert np.abs(probs - want).max() < MAP_TOLERANCE


@pytest.mark.parametrize("video", VIDEOS)
@pytest.mark.parametrize("run", RUNS)
def test_results_are_those_of_the_reference(run, video):
    tracks = outputs(run, video)[1]
    ours = tracks.tracklets.records(video + 1, len(frames(video)), list(range(1, 26)))
    recorded = golden_json("sipmask", f"results_{run}.json")
    want = [entry for entry in recorded if entry["video_id"] == video + 1]
    assert_same_records(ours, want, SCORE_TOLERANCE)
