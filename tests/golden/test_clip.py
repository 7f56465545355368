"""Whole clips, from frames to results, against what the reference implementation wrote."""

import functools

import numpy as np
import pytest
from golden.comparison import BOX_TOLERANCE, SCORE_TOLERANCE, assert_same_records
from golden.published_model import published_model
from golden_folder import golden_arrays, golden_json

from configs import cmasktrack_rcnn_r50_ovis
from ovis_jax.data.transforms import frame_geometry, transform_image
from ovis_jax.inference.collect import VideoTracks
from ovis_jax.inference.stream import VideoStream

IMAGE_SCALE = (150, 90)
VIDEOS = {"v0": 1, "v1fix": 2}

pytestmark = pytest.mark.slow


def frames(video: str) -> np.ndarray:
    """[T, H, W, 3] uint8 RGB in original size."""
    clip = golden_arrays("cmasktrack_rcnn", "inputs.npz")["clip_rgb"]
    return clip if video == "v0" else clip[3:10, :, ::-1]


def config():
    published = cmasktrack_rcnn_r50_ovis.get_config().unlock()
    published.data.image_scale = IMAGE_SCALE
    return published


@functools.cache
def outputs(video: str):
    """The chunks of a video, and its tracks."""
    system, variables = published_model()
    images, data = frames(video), config().data
    height, width = images.shape[1:3]
    geometry = frame_geometry(width, height, IMAGE_SCALE, data.pad_multiple)
    canvases = (transform_image(image, geometry, flip=False) for image in images)
    stream = VideoStream(system, variables, chunk=4, tracks=256)
    tracks = VideoTracks(width, height, geometry.scale)
    chunks = list(stream(canvases, (geometry.height, geometry.width), geometry.scale))
    for chunk in chunks:
        tracks.add(chunk)
    return chunks, tracks


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


@pytest.mark.parametrize("video", VIDEOS)
def test_the_same_objects_with_the_same_identities_in_every_frame(video):
    recorded = golden_json("cmasktrack_rcnn", "tracking.json")[video]
    found = objects_by_frame(video)
    for record in recorded:
        ours = found.get(record["frame"], {})
        assert set(ours) == {int(identity) for identity in record["kept"]}
        for identity, index in record["kept"].items():
            want = record["detections"][index]
            box, score, label = ours[int(identity)]
            assert label == want["label"]
            assert np.abs(np.asarray(box) - want["box"]).max() < BOX_TOLERANCE
            assert abs(float(score) - want["score"]) < SCORE_TOLERANCE


@pytest.mark.parametrize(("video", "video_id"), VIDEOS.items())
def test_results_are_those_of_the_reference(video, video_id):
    length = len(golden_json("cmasktrack_rcnn", "tracking.json")[video])
    ours = outputs(video)[1].tracklets.records(video_id, length, list(range(1, 26)))
    recorded = golden_json("cmasktrack_rcnn", "results_intended.json")
    want = [record for record in recorded if record["video_id"] == video_id]
    assert_same_records(ours, want)


def test_a_clip_of_one_frame_is_its_own_reference():
    system, variables = published_model()
    data = config().data
    geometry = frame_geometry(210, 126, IMAGE_SCALE, data.pad_multiple)
    image = transform_image(frames("v0")[0], geometry, flip=False)
    stream = VideoStream(system, variables, chunk=4, tracks=256)
    chunks = list(stream(iter([image]), (geometry.height, geometry.width), geometry.scale))
    assert sum(int(np.asarray(chunk.frames.valid).sum()) for chunk in chunks) > 0
    assert all(np.isfinite(np.asarray(chunk.frames.boxes)).all() for chunk in chunks)
