"""Outputs of chunks to tracks, and the thread that does it."""

import threading

import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.formats import rle
from ovis_jax.inference.collect import HostThread, VideoTracks
from ovis_jax.inference.stream import ChunkOutput
from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.paste import encode_crop

WIDTH, HEIGHT = 20, 10


def outputs(valid, overflow):
    """Frame outputs: detection d has identity 7 + d, label d and box (d, d, d + 4, d + 4)."""
    valid = np.asarray(valid)
    slots = np.broadcast_to(np.arange(valid.shape[1]), valid.shape)
    boxes = np.stack([slots, slots, slots + 4, slots + 4], -1).astype(np.float32)
    return FrameOutput(
        ids=np.where(valid, 7 + slots, -5),
        scores=np.where(valid, 0.5, np.nan).astype(np.float32),
        labels=np.where(valid, slots, 99),
        boxes=np.where(valid[..., None], boxes, np.nan),
        mask_boxes=np.where(valid[..., None], boxes, np.nan),
        mask_logits=np.where(valid[..., None, None], np.full((4, 4), 9.0), np.nan),
        valid=valid,
        overflow=np.asarray(overflow),
    )


def test_valid_objects_become_tracks_and_poisoned_slots_do_not():
    tracks = VideoTracks(WIDTH, HEIGHT, 1.0)
    first = outputs([[False, False], [True, False], [True, True]], [0, 0, 2])
    second = outputs([[False, True], [False, False], [False, False]], [1, 0, 0])
    tracks.add(ChunkOutput(-1, 2, first))
    tracks.add(ChunkOutput(2, 3, second))
    records = tracks.tracklets.records(3, 3, [10, 20])
    present = [[s is not None for s in r["segmentations"]] for r in records]
    assert [r["category_id"] for r in records] == [10, 20]
    assert [r["video_id"] for r in records] == [3, 3]
    assert present == [[True, True, False], [False, True, True]]
    assert (tracks.overflow, tracks.length) == (3, 3)


def test_class_scores_of_valid_objects_reach_the_tracks():
    every = np.arange(12, dtype=np.float32).reshape(2, 2, 3)
    frames = outputs([[True, False], [True, True]], [0, 0]).replace(class_scores=every)
    tracks = VideoTracks(WIDTH, HEIGHT, 1.0)
    tracks.add(ChunkOutput(0, 2, frames))
    first, second = tracks.tracklets.tracks()
    np.testing.assert_array_equal(first.class_scores, every[:, 0])
    np.testing.assert_array_equal(second.class_scores, every[1:, 1])


def test_a_system_finishes_the_tracks_with_the_memory_of_the_video():
    tracks = VideoTracks(WIDTH, HEIGHT, 1.0)
    tracks.add(ChunkOutput(0, 1, outputs([[True, True]], [0])))
    memory = {"kept": jnp.array([1])}
    tracks.finish(lambda memory, found: [found[i] for i in memory["kept"]], memory)
    (record,) = tracks.tracklets.records(1, 1, [10, 20])
    assert record["category_id"] == 20


def test_a_system_says_how_masks_are_made_of_the_valid_objects_of_a_frame():
    def top_rows(objects, frame):
        assert objects.valid.all() and objects.mask_logits.shape == (len(objects.ids), 4, 4)
        assert (frame.width, frame.height, frame.scale) == (WIDTH, HEIGHT, 0.5)
        return [encode_crop(np.ones((row, 3), bool), 0, 0, HEIGHT, WIDTH) for row in objects.ids]

    tracks = VideoTracks(WIDTH, HEIGHT, 0.5, top_rows)
    tracks.add(ChunkOutput(0, 2, outputs([[False, True], [True, True]], [0, 0])))
    areas = [rle.area(track.rles).tolist() for track in tracks.tracklets.tracks()]
    assert areas == [[3 * 8, 3 * 8], [3 * 7]]


def test_host_work_is_done_in_order():
    done = []
    with HostThread() as host:
        for number in range(20):
            host.submit(done.append, number)
    assert done == list(range(20))


def test_an_error_of_the_host_thread_reaches_the_caller():
    def fail():
        raise RuntimeError("pasting failed")

    with pytest.raises(RuntimeError, match="pasting failed"), HostThread() as host:
        host.submit(fail)


def test_an_error_of_the_caller_drops_waiting_work_and_passes():
    gate, done = threading.Event(), []
    with pytest.raises(KeyError), HostThread() as host:
        host.submit(gate.wait)
        host.submit(done.append, 1)
        threading.Timer(0.2, gate.set).start()
        raise KeyError("frame")
    assert done == []
