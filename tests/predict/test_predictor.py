"""Tracking frames as they come: where they come from, how late results are, what is kept."""

import gc
import json
import weakref

import cv2
import numpy as np
import pytest
from ml_collections import ConfigDict
from models import tiny_stem_seg
from toy_model import toy_model

from ovis_jax.checkpoints.packed import write_packed
from ovis_jax.converters.indexed_png import read_numbers
from ovis_jax.formats import rle
from ovis_jax.formats.errors import InputError
from ovis_jax.predict import Predictor, TrainedModel, trained
from ovis_jax.predict.frame_lines import frame_record, write_id_png
from ovis_jax.visualization.movie import write_movie

FRAMES = [np.full((48, 80, 3), 20 * t + 60, np.uint8) for t in range(7)]


class Counted:
    """Frames that count how many were taken."""

    def __init__(self, frames):
        self.frames, self.taken = iter(frames), 0

    def __iter__(self):
        return self

    def __next__(self):
        frame = next(self.frames)
        self.taken += 1
        return frame


def found(results):
    """What can be compared of results."""
    return [(r.frame, r.ids.tolist(), r.labels.tolist(), r.boxes.tolist(), r.rles) for r in results]


def test_every_frame_has_a_result_with_all_that_is_known_of_its_objects():
    results = list(Predictor(toy_model(1)).track(FRAMES))
    assert [result.frame for result in results] == [*range(7)]
    assert {len(result) for result in results} == {0, 1, 2}
    for result in results:
        np.testing.assert_array_equal(result.image, FRAMES[result.frame])
        names = ["cat", "dog"]
        assert result.names == [names[label] for label in result.labels]
        masks = result.masks()
        assert masks.shape == (len(result), 48, 80) and masks.dtype == bool
        for mask, own in zip(masks, result.rles, strict=True):
            assert rle.encode(mask) == own


@pytest.mark.parametrize(("chunk", "ahead"), [(1, 0), (2, 0), (3, 0), (2, 1), (1, 2)])
def test_a_result_comes_when_the_frames_it_waits_for_have_come_and_not_later(chunk, ahead):
    predictor = Predictor(toy_model(2), chunk=chunk, ahead=ahead)
    assert predictor.delay == 2 + chunk * (1 + ahead) - 1
    frames = Counted(FRAMES * 3)
    waited = []
    for result in predictor.track(frames):
        waited.append(frames.taken - 1 - result.frame)
    assert max(waited) == predictor.delay and frames.taken == len(waited) == 21


def test_results_depend_neither_on_the_chunk_nor_on_how_far_the_device_is_ahead():
    want = found(Predictor(toy_model(2)).track(FRAMES))
    for chunk, ahead in ((1, 0), (3, 2), (9, 0)):
        assert found(Predictor(toy_model(2), chunk=chunk, ahead=ahead).track(FRAMES)) == want


def test_a_causal_predictor_sees_no_frame_after_the_query():
    model = toy_model(2)
    causal = Predictor(model, causal=True, chunk=1)
    assert causal.delay == 0
    whole = found(causal.track(FRAMES))
    for length in (1, 4):
        assert found(causal.track(FRAMES[:length])) == whole[:length]
    changed = FRAMES[:4] + [255 - frame for frame in FRAMES[4:]]
    assert found(causal.track(changed))[:4] == whole[:4]
    scores = [r.scores for r in causal.track(changed)][2:4]
    seeing = [r.scores for r in Predictor(model).track(changed)][2:4]
    assert any(not np.array_equal(a, b) for a, b in zip(scores, seeing, strict=True))


def test_a_system_of_clips_is_not_causal_and_chunks_have_frames():
    system, variables = tiny_stem_seg.tiny_system()
    config = tiny_stem_seg.tiny_config()
    with pytest.raises(InputError, match="StemSeg reads clips that go on after a frame"):
        Predictor(TrainedModel(system, variables, config, ()), causal=True)
    with pytest.raises(InputError, match="config.predict.chunk: 0, expected at least 1"):
        Predictor(toy_model(), chunk=0)


def test_frames_come_from_a_file_a_folder_an_image_or_an_array(tmp_path):
    (tmp_path / "frames").mkdir()
    for number, frame in enumerate(FRAMES):
        cv2.imwrite(str(tmp_path / "frames" / f"{number}.png"), frame)
    predictor = Predictor(toy_model(1))
    want = found(predictor.track(FRAMES))
    assert found(predictor.track(tmp_path / "frames")) == want
    assert found(predictor.track(np.stack(FRAMES))) == want
    assert len(found(predictor.track(str(tmp_path / "frames" / "3.png")))) == 1
    write_movie(tmp_path / "clip.mp4", FRAMES, 5.0)
    assert [r.frame for r in predictor.track(tmp_path / "clip.mp4")] == [*range(7)]


def test_a_camera_is_read_until_nobody_asks_and_let_go_then(monkeypatch):
    class Camera:
        opened, released = [], 0

        def __init__(self, number):
            self.opened.append(number)

        def isOpened(self):  # noqa: N802
            return self.opened[-1] == 3

        def read(self):
            return True, FRAMES[0][..., ::-1]

        def release(self):
            Camera.released += 1

    monkeypatch.setattr(cv2, "VideoCapture", Camera)
    results = Predictor(toy_model(0), chunk=1).track(3)
    assert [next(results).frame for _ in range(4)] == [0, 1, 2, 3] and Camera.released == 0
    del results
    gc.collect()
    assert Camera.released == 1
    with pytest.raises(InputError, match="camera 4: cannot be opened"):
        Predictor(toy_model(0)).track(4)


@pytest.mark.parametrize(
    ("frames", "said"),
    [
        ([FRAMES[0], FRAMES[0][:40]], "frame 1: 80x40 pixels, but the first has 80x48"),
        ([FRAMES[0] / 255], r"frame 0: float64 \[48, 80, 3\], expected uint8 \[h, w, 3\] RGB"),
        ("no/such/video.mp4", "no/such/video.mp4: does not exist"),
    ],
)
def test_frames_that_cannot_be_used_are_one_line(frames, said):
    with pytest.raises(InputError, match=said):
        list(Predictor(toy_model(0)).track(frames))


def test_no_frames_have_no_results():
    tracked = Predictor(toy_model(2)).track([])
    assert list(tracked) == [] and tracked.length == 0 and tracked.finish([]) == []


def test_no_frame_is_kept_longer_than_the_delay():
    alive = []

    def frames():
        for number in range(40):
            frame = np.full((48, 80, 3), number, np.uint8)
            alive.append(weakref.ref(frame))
            yield frame

    predictor = Predictor(toy_model(2), chunk=2)
    for result in predictor.track(frames()):
        held = sum(frame() is not None for frame in alive)
        assert held <= predictor.delay + 2, result.frame  # and the one that is being read


def test_a_packed_model_and_a_work_directory_say_their_configuration(tmp_path):
    config = ConfigDict({"data": {}, "train": {}, "model": {"system": "mask_track_rcnn"}})
    write_packed(tmp_path / "m.npz", {}, json.loads(config.to_json()), [], {})
    assert trained.checkpoint_config(tmp_path / "m.npz").model.system == "mask_track_rcnn"
    (tmp_path / "run" / "checkpoints" / "10").mkdir(parents=True)
    (tmp_path / "run" / "config.json").write_text(config.to_json())
    for place in ("run", "run/checkpoints", "run/checkpoints/10"):
        assert trained.checkpoint_config(tmp_path / place).model.system == "mask_track_rcnn"
    with pytest.raises(InputError, match="expected --config"):
        trained.checkpoint_config(tmp_path)


def test_a_line_of_json_and_a_png_of_ids_say_the_same(tmp_path):
    for result in Predictor(toy_model(1)).track(FRAMES):
        record = json.loads(json.dumps(frame_record(result)))
        pixels = read_numbers(write_id_png(tmp_path, result))
        assert record["frame"] == result.frame and pixels.shape == (48, 80)
        numbers = {own["id"] + 1 for own in record["objects"] if rle.area([own["segmentation"]])[0]}
        assert {*np.unique(pixels).tolist()} - {0} <= numbers
        assert bool(numbers) == bool(pixels.any())
        for own in record["objects"]:
            mask = rle.decode(own["segmentation"]) > 0
            assert (pixels[mask] > 0).all() and own["category"] in ("cat", "dog")


@pytest.mark.parametrize(("window", "chunk", "ahead"), [(0, 1, 0), (2, 2, 0), (2, 2, 1), (1, 3, 1)])
@pytest.mark.parametrize("length", [12, 13])
def test_another_predictor_goes_on_from_a_snapshot(window, chunk, ahead, length):
    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (length, 48, 80, 3)).astype(np.uint8)
    settings = dict(chunk=chunk, ahead=ahead)
    tracked = Predictor(toy_model(window), **settings).track(frames, snapshot_seconds=0)
    taken, snapshots, other = [], [], Predictor(toy_model(window), **settings)
    for result in tracked:
        taken.append(result)
        if tracked.snapshot is not None and tracked.snapshot not in snapshots[-1:]:
            snapshots.append(tracked.snapshot)
            assert tracked.snapshot.num_frames - window == len(taken)
    assert len(snapshots) >= 3
    for snapshot in snapshots:
        done = snapshot.num_frames - window
        resumed = other.track(frames, resumed=snapshot)
        assert resumed.length == done
        results = list(resumed)
        assert found(results) == found(taken)[done:]
        for own, want in zip(results, taken[done:], strict=True):
            np.testing.assert_array_equal(own.scores, want.scores)
            np.testing.assert_array_equal(own.image, frames[own.frame])
        assert resumed.length == length
