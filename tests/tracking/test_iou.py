"""Tracks by overlap alone, against loops over Python lists, in every option of both readings."""

import functools

import jax
import jax.export
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tracking.padded import make_detections

from ovis_jax.ops.boxes import EXCLUSIVE
from ovis_jax.tracking.iou import IoUTracker
from ovis_jax.tracking.rules import Track

SLOTS, FRAMES = 8, 7  # of detections; of a clip
OPTIONS = [  # reading, min_iou, min_score, terminate, max_missed, losers_start
    ("iou", 0.25, 0.0, True, 0, False),
    ("iou", 0.5, 0.25, True, 2, False),
    ("iou", 0.0, 0.0, False, 0, False),
    ("iou_plus", 0.25, 0.0, False, 0, False),
    ("iou_plus", 0.25, 0.25, True, 1, True),
    ("iou_plus", 0.0, 0.0, False, 0, True),
    ("iou_plus", 0.5, 0.0, True, 0, False),
]


def overlap(a, b):
    """Inclusive sizes, in the arithmetic of the device."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    inside = np.prod(np.maximum(high - low + 1, 0))
    areas = np.prod(a[2:] - a[:2] + 1) + np.prod(b[2:] - b[:2] + 1)
    return np.float32(inside) / np.float32(areas - inside)


class NaiveTracker:
    """One video; tracks are dictionaries."""

    def __init__(self, reading, min_iou, min_score, terminate, max_missed, losers_start):
        self.reading, self.min_iou, self.min_score = reading, np.float32(min_iou), min_score
        self.last = max_missed if terminate else np.inf
        self.losers_start, self.live, self.count = losers_start, [], 0

    def update(self, frame):
        """Identities of the detections (box, score, label) of a frame, -1 for none."""
        free = [d for d, (_, score, _) in enumerate(frame) if score >= self.min_score]
        choose = self._tracks_choose if self.reading == "iou" else self._detections_choose
        pairs, starts = choose(frame, free)
        for track in self.live:
            track["missed"] += 1
        for track, d in pairs:
            track.update(box=frame[d][0], missed=0)
        self.live = [track for track in self.live if track["missed"] <= self.last]
        ids = dict.fromkeys(range(len(frame)), -1) | {d: track["id"] for track, d in pairs}
        for d in starts:
            box, _, label = frame[d]
            self.live.append(dict(id=self.count, box=box, label=label, missed=0))
            ids[d] = self.count
            self.count += 1
        return list(ids.values())

    def _tracks_choose(self, frame, free):
        pairs, free = [], list(free)
        for track in self.live:
            if free:
                best = max(free, key=lambda d: overlap(frame[d][0], track["box"]))
                if overlap(frame[best][0], track["box"]) >= self.min_iou:
                    free.remove(best)
                    pairs.append((track, best))
        return pairs, free

    def _detections_choose(self, frame, free):
        claims, starts = {}, []
        for d in free:
            box, score, label = frame[d]
            same = [track for track in self.live if track["label"] == label]
            best = max(same, key=lambda track: overlap(box, track["box"]), default=None)
            if best is None or not overlap(box, best["box"]) > self.min_iou:
                starts.append(d)
            else:
                total = np.log(score) + 2 * float(overlap(box, best["box"])) + 10
                claims.setdefault(best["id"], []).append((round(total, 5), -d, best))
        pairs = []
        for rivals in claims.values():
            order = sorted(rivals, key=lambda rival: rival[:2])
            pairs.append((order[-1][2], -order[-1][1]))
            starts += [-d for _, d, _ in order[:-1]] if self.losers_start else []
        return pairs, sorted(starts)


@functools.cache
def scan(tracker, capacity):
    """The compiled tracker over a clip: detections with a leading axis to memory and outputs."""
    memory = tracker.init_memory(capacity, 4)
    return jax.jit(lambda detections: jax.lax.scan(tracker.step, memory, detections))


def run(tracker, frames, capacity=FRAMES * SLOTS, fill=np.nan):
    """Memory after the frames, and for each frame the ids of its detections and its overflow."""
    padded = []
    for frame in frames:
        boxes, scores, labels = zip(*frame, strict=True) if frame else (np.zeros((0, 4)), (), ())
        embeddings = np.full((len(frame), 4), np.nan)  # nobody reads these
        padded.append(make_detections(boxes, scores, labels, embeddings, SLOTS, fill))
    memory, outputs = scan(tracker, capacity)(jax.tree.map(lambda *x: jnp.stack(x), *padded))
    for ids, valid in zip(outputs.ids, outputs.valid, strict=True):
        np.testing.assert_array_equal(ids >= 0, valid)
    ids = [np.asarray(x)[: len(f)].tolist() for x, f in zip(outputs.ids, frames, strict=True)]
    return memory, ids, np.asarray(outputs.overflow)


def random_clip(rng):
    """Frames of integer boxes that often overlap, of two labels, with a few equal scores."""
    frames = []
    for count in rng.integers(0, SLOTS + 1, FRAMES):
        low = rng.integers(0, 12, (count, 2))
        boxes = np.concatenate([low, low + rng.integers(4, 10, (count, 2))], 1).astype(np.float32)
        scores = rng.integers(1, 17, count) / 16
        frames.append(list(zip(boxes, scores, rng.integers(0, 2, count), strict=True)))
    return frames


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@settings(max_examples=25)
@given(seed=st.integers(0, 2**31))
@example(seed=573363483)  # two tracks fit equally well, the younger in an earlier slot
def test_identities_are_those_of_the_loop(options, seed):
    frames, naive = random_clip(np.random.default_rng(seed)), NaiveTracker(*options)
    memory, ids, overflow = run(IoUTracker(*options), frames)
    assert ids == [naive.update(frame) for frame in frames]
    assert memory.count == naive.count and not overflow.any()
    live = np.flatnonzero(memory.live)
    found = {int(memory.ids[i]): (int(memory.labels[i]), int(memory.missed[i])) for i in live}
    assert found == {t["id"]: (t["label"], t["missed"]) for t in naive.live}


BOX, NEAR, FAR = ([0, 0, 9, 9], [2, 0, 11, 9], [40, 40, 49, 49])  # IoU of the first two: 2 / 3


def detection(box, score=0.5, label=0):
    return np.float32(box), score, label


def ids_of(frames, **options):
    return run(IoUTracker(**options), frames)[1]


def test_a_track_ends_with_its_first_miss_or_later_or_never():
    frames = [[detection(BOX)], [], [], [detection(BOX)]]
    assert ids_of(frames, terminate=True) == [[0], [], [], [1]]
    assert ids_of(frames, terminate=True, max_missed=1) == [[0], [], [], [1]]
    assert ids_of(frames, terminate=True, max_missed=2) == [[0], [], [], [0]]
    assert ids_of(frames) == [[0], [], [], [0]]


def test_overlap_must_reach_the_threshold_or_exceed_it():
    half = [detection([0, 0, 9, 4])]  # half of BOX
    for reading, want in (("iou", [0]), ("iou_plus", [1])):
        assert ids_of([[detection(BOX)], half], reading=reading, min_iou=0.5)[1] == want
        assert ids_of([[detection(BOX)], half], reading=reading, min_iou=0.49)[1] == [0]


def test_labels_count_in_one_reading_and_not_in_the_other():
    frames = [[detection(BOX, label=0)], [detection(BOX, label=1)]]
    assert ids_of(frames, reading="iou") == [[0], [0]]
    assert ids_of(frames, reading="iou_plus") == [[0], [1]]


def test_of_two_detections_on_one_track_the_better_total_keeps_it():
    frames = [[detection(BOX)], [detection(NEAR, 0.9), detection(BOX, 0.5), detection(FAR, 0.1)]]
    # 2 * IoU + log s: 2 * 2/3 + log 0.9 = 1.228 against 2 + log 0.5 = 1.307
    assert ids_of(frames)[1] == [-1, 0, 1]
    assert ids_of(frames, losers_start=True)[1] == [1, 0, 2]
    surer = [frames[0], [detection(NEAR, 0.99), detection(BOX, 0.4), frames[1][2]]]
    assert ids_of(surer)[1] == [0, -1, 1]
    assert ids_of(frames, reading="iou")[1] == [1, 0, 2]


def test_weak_detections_are_not_looked_at():
    frames = [[detection(BOX, 0.5)], [detection(BOX, 0.25), detection(NEAR, 0.125)]]
    assert ids_of(frames, min_score=0.25, reading="iou")[1] == [0, -1]
    assert ids_of(frames, min_score=0.5)[1] == [-1, -1]


def test_the_box_convention_decides_what_overlaps():
    frames = [[detection([0, 0, 4, 9])], [detection([4, 0, 8, 9])]]  # they share a column, or none
    assert ids_of(frames, min_iou=0.1)[1] == [0]
    assert ids_of(frames, min_iou=0.1, convention=EXCLUSIVE)[1] == [1]


def test_slots_of_ended_tracks_are_used_again_and_what_finds_none_is_counted():
    places = [detection([20 * k, 0, 20 * k + 9, 9]) for k in range(3)]
    tracker = IoUTracker(terminate=True)
    memory, ids, overflow = run(tracker, [places[:2], places[1:], places[2:]], capacity=2)
    assert ids == [[0, 1], [1, 2], [2]] and not overflow.any() and memory.count == 3
    memory, ids, overflow = run(tracker, [places, places], capacity=2)
    assert ids == [[0, 1, -1], [0, 1, -1]] and overflow.tolist() == [1, 1]
    assert memory.overflow == 2


def test_what_stands_in_invalid_slots_changes_nothing():
    frames = random_clip(np.random.default_rng(1))
    for reading in ("iou", "iou_plus"):
        tracker = IoUTracker(reading=reading, terminate=True)
        assert run(tracker, frames, fill=0.0)[1] == run(tracker, frames, fill=np.nan)[1]


@pytest.mark.parametrize("reading", ["iou", "iou_plus"])
def test_every_kind_of_device_can_run_it(reading):
    tracker = IoUTracker(reading=reading)
    memory = jax.eval_shape(lambda: tracker.init_memory(4, 1))
    detections = jax.eval_shape(lambda: make_detections([BOX], [1], [0], [[0]], SLOTS))
    platforms = ("cpu", "cuda", "tpu")
    exported = jax.export.export(jax.jit(tracker.step), platforms=platforms)(memory, detections)
    assert exported.platforms == platforms


def test_only_sure_and_long_tracks_are_reported():
    track = Track((0, 1), np.array([0.25, 0.75]), np.array([1, 1]), None, ({}, {}))
    for options, reported in (
        ({}, True),
        ({"min_best_score": 0.75}, True),
        ({"min_best_score": 0.8}, False),
        ({"min_length": 2}, True),
        ({"min_length": 3}, False),
    ):
        assert IoUTracker(**options).track_rule(track) == ([(0.5, 1)] if reported else [])


@pytest.mark.parametrize("option", [{"reading": "giou"}, {"min_iou": -0.1}, {"min_iou": 1.5}])
def test_options_that_mean_nothing_are_refused(option):
    with pytest.raises(ValueError, match=next(iter(option))):
        IoUTracker(**option)
