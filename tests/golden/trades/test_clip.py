"""Whole clips through the stream, from original frames to results, against the published script."""

import functools

import jax
import numpy as np
import pytest
from golden.comparison import BOX_TOLERANCE, differing_pixels
from golden.trades.trades_model import (
    MASK_PIXELS,
    OFFSET_TOLERANCE,
    SCORE_TOLERANCE,
    canvases,
    config,
    frame_name,
    geometry,
    published_trades,
    record,
    thinned,
    tracked_frames,
    videos,
)
from golden_folder import golden_json

from ovis_jax.inference.collect import VideoTracks
from ovis_jax.inference.stream import VideoStream
from ovis_jax.inference.window import cut
from ovis_jax.models.frame_map import FrameMap
from ovis_jax.structures import Window
from ovis_jax.tracking.paste import OriginalFrame

TRACKS, VIDEOS = 256, (0, 1)

pytestmark = pytest.mark.exhaustive
every_video = pytest.mark.parametrize("video", VIDEOS)


def frames_of(video):
    return [frame for frame in tracked_frames() if frame["video"] == video]


def canvases_of(video):
    own = [frame["video"] == video for frame in tracked_frames()]
    return canvases()[own]


@functools.cache
def stream() -> VideoStream:
    """Compiled once for both videos."""
    return VideoStream(*published_trades(), chunk=3, tracks=TRACKS)


@functools.cache
def outputs(video: int):
    """Frame outputs of a video, its tracks, and the memory after it."""
    laid, (height, width) = geometry(video), videos()[video][0].shape[:2]
    tracks = VideoTracks(width, height, laid.scale, published_trades()[0].mask_rule)
    chunks, found = stream()(canvases_of(video), laid.image_size, laid.scale), []
    for chunk in chunks:
        tracks.add(chunk)
        found.append(chunk.frames)
    frames = jax.tree.map(lambda *x: np.concatenate(x), *jax.device_get(found))
    return frames, tracks, jax.device_get(chunks.memory)


@every_video
def test_every_detection_and_its_identity_in_the_order_of_the_tracker(video):
    found, _, _ = outputs(video)
    for frame in frames_of(video):
        t, detections = frame["frame"], frame["detections"]
        assert found.valid[t].sum() == len(detections) == frame["n_det"]
        assert found.overflow[t] == 0
        for i, want in enumerate(detections):
            assert found.ids[t, i] == want["track_id"]
            assert found.labels[t, i] == want["label"]
            assert np.abs(found.boxes[t, i] - want["box"]).max() < BOX_TOLERANCE
            assert abs(found.scores[t, i] - want["score"]) < SCORE_TOLERANCE


@every_video
def test_masks_of_every_detection(video):
    found, _, _ = outputs(video)
    height, width = videos()[video][0].shape[:2]
    original = OriginalFrame(height, width, geometry(video).scale)
    for frame in frames_of(video):
        count = len(frame["detections"])
        own = jax.tree.map(lambda x, t=frame["frame"]: x[t], found)
        objects = jax.tree.map(lambda x, n=count: x[:n] if x.ndim else x, own)
        masks = published_trades()[0].mask_rule(objects, original)
        for mask, want in zip(masks, frame["detections"], strict=True):
            assert differing_pixels(mask, want["mask"]) <= MASK_PIXELS


@every_video
def test_results_are_those_of_the_published_script(video):
    _, tracks, _ = outputs(video)
    classes = config().model.num_classes
    ours = tracks.tracklets.records(video + 1, tracks.length, list(range(1, classes + 1)))
    want = [x for x in golden_json("trades", "results.json") if x["video_id"] == video + 1]
    assert len(ours) == len(want) > 0
    for mine, theirs in zip(ours, want, strict=True):
        assert mine["category_id"] == theirs["category_id"]
        assert abs(mine["score"] - theirs["score"]) < SCORE_TOLERANCE
        for a, b in zip(mine["segmentations"], theirs["segmentations"], strict=True):
            assert (a is None) == (b is None)
            assert a is None or differing_pixels(a, b) <= MASK_PIXELS


@every_video
def test_the_bank_of_embeddings_after_the_last_frame(video):
    _, _, memory = outputs(video)
    name = frame_name(frames_of(video)[-1])
    bank, order = memory.bank, np.argsort(memory.bank.ids)
    order = order[memory.bank.ids[order] > 0]
    want = record(f"{name}/bank_class", "detections")
    assert memory.count == len(order) == len(want)
    offset = want.min() - bank.labels[order].min()  # the record counts classes from 1
    np.testing.assert_array_equal(bank.labels[order] + offset, want)
    np.testing.assert_array_equal(
        memory.frame - bank.seen[order], record(f"{name}/bank_age", "detections")
    )
    own = thinned(bank.embeddings[order], f"{name}/bank", "detections")
    assert np.abs(own - record(f"{name}/bank", "detections")).max() < 1e-4


def detections(system, memory, window):
    """What the system hands to its tracker for one frame."""
    current = window.features[1]
    before = jax.numpy.where(window.valid[0], window.features[0], current)
    frame = FrameMap.of(current, window)
    heat = system.track_heat(memory.active, frame, current.shape[:2])
    predicted = system.predict(current[None], before[None], heat[None])
    return system.decode(jax.tree.map(lambda x: x[0], predicted), frame)


@every_video
def test_what_the_tracker_is_given(video):
    system, variables = published_trades()
    laid = geometry(video)
    sizes = np.tile(np.float32(laid.image_size), (len(canvases_of(video)), 1))
    features = system.apply(variables, canvases_of(video), sizes, method="encode")
    features = np.concatenate([np.zeros_like(features[:1]), features])

    @jax.jit
    def follow(variables, memory, window):
        found = system.apply(variables, memory, window, method=detections)
        distances, _ = system.tracker.motion_costs(memory.active, found)
        return system.tracker.step(memory, found)[0], found, distances

    memory = system.tracker.init_memory(TRACKS, system.embedding_size, system.capacity.detections)
    for frame in frames_of(video):
        t, name, count = frame["frame"], frame_name(frame), frame["n_det"]
        window = Window(
            features=cut(features, t, 2),
            valid=np.array([t > 0, True]),
            image_size=np.float32(laid.image_size),
            scale=np.float32(laid.scale),
        )
        memory, found, distances = jax.device_get(follow(variables, memory, window))
        assert found.objects.valid.sum() == count
        for own, recorded, tolerance in (
            (found.objects.boxes, "boxes", BOX_TOLERANCE),
            (found.objects.scores, "scores", SCORE_TOLERANCE),
            (found.centers, "cts", BOX_TOLERANCE),
            (found.offsets, "offsets", OFFSET_TOLERANCE),
            (found.objects.embeddings, "embeddings", 1e-4),
        ):
            want = record(f"{name}/det_{recorded}", "detections")
            own = thinned(own[:count], f"{name}/det_{recorded}", "detections")
            assert np.abs(own - want).max() < tolerance, recorded
        np.testing.assert_array_equal(
            found.objects.labels[:count] + 1, record(f"{name}/det_classes", "detections")
        )
        want = record(f"{name}/match_dist2", "detections")
        if want.size:
            own = distances[:count, : want.shape[1]]
            np.testing.assert_allclose(own, want, rtol=1e-3, atol=1e-2 * want.max())
