"""Tracks by similarity and overlap, against loops over Python lists."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracking.padded import make_detections

from ovis_jax.ops.boxes import INCLUSIVE
from ovis_jax.tracking.similarity import SimilarityTracker

SLOTS, FRAMES = 8, 7  # of detections; of a clip
TRACKER = SimilarityTracker()


def similarity(detection, track):
    """Of two (box, label, embedding), in the arithmetic of the device."""
    (a, label, embedding), (b, other_label, other) = detection, track
    if label != other_label:
        return np.float32(-1)
    inside = np.prod(np.maximum(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0))
    union = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - inside
    cosine = embedding @ other / np.linalg.norm(embedding) / np.linalg.norm(other)
    return cosine + inside / (union + np.float32(1e-5))


class NaiveTracker:
    """One video: the last entry of each track; one detection after the other."""

    def __init__(self):
        self.tracks = []

    def update(self, frame):
        """Identities of the detections of a frame, -1 for those that are dropped."""
        before, holders, ids = len(self.tracks), {}, [-1] * len(frame)
        for d, detection in enumerate(frame):
            found = [similarity(detection, track) for track in self.tracks[:before]]
            best = max(range(before), key=lambda k: found[k], default=None)  # the first of equals
            if best is None or found[best] < np.float32(0.4):
                ids[d] = len(self.tracks)
                self.tracks.append(detection)
            elif found[best] > holders.get(best, (-np.inf, None))[0]:
                holders[best] = found[best], d
        for track, (_, d) in holders.items():
            ids[d], self.tracks[track] = track, frame[d]
        return ids


@functools.cache
def scan(tracker, capacity):
    """The compiled tracker over a clip: detections with a leading axis to memory and outputs."""
    memory = tracker.init_memory(capacity, 4)
    return jax.jit(lambda detections: jax.lax.scan(tracker.step, memory, detections))


def run(frames, tracker=TRACKER, capacity=FRAMES * SLOTS, fill=np.nan):
    """Memory after the frames, and for each frame the ids of its detections and its overflow."""
    padded = []
    for frame in frames:
        empty = np.zeros((0, 4)), (), np.zeros((0, 4))
        boxes, labels, embeddings = zip(*frame, strict=True) if frame else empty
        scores = np.full(len(frame), 0.5)  # nobody compares these
        padded.append(make_detections(boxes, scores, labels, embeddings, SLOTS, fill))
    padded += [make_detections(*no_detections(), SLOTS, fill)] * (FRAMES - len(frames))
    memory, outputs = scan(tracker, capacity)(jax.tree.map(lambda *x: jnp.stack(x), *padded))
    for ids, valid in zip(outputs.ids, outputs.valid, strict=True):
        assert len(set(np.asarray(ids[valid]).tolist())) == valid.sum()
    held = np.where(outputs.valid, outputs.ids, -1)
    ids = [own[: len(frame)].tolist() for own, frame in zip(held, frames, strict=False)]
    return memory, ids, np.asarray(outputs.overflow)


def no_detections():
    return np.zeros((0, 4)), (), (), np.zeros((0, 4))


def random_clip(rng):
    """Frames whose similarities are often equal: whole boxes, embeddings of a few directions."""
    directions = np.float32([[2, 0, 0, 0], [0, 1, 0, 0], [1, 1, 1, 1], [-1, -1, 1, 1]])
    frames = []
    for count in rng.integers(0, SLOTS + 1, FRAMES):
        low = rng.integers(0, 12, (count, 2))
        boxes = np.concatenate([low, low + rng.integers(4, 10, (count, 2))], 1).astype(np.float32)
        labels, own = rng.integers(0, 2, count), directions[rng.integers(0, 4, count)]
        frames.append(list(zip(boxes, labels, own, strict=True)))
    return frames


@settings(max_examples=50)
@given(seed=st.integers(0, 2**31))
def test_identities_and_memory_are_those_of_the_loop(seed):
    frames, naive = random_clip(np.random.default_rng(seed)), NaiveTracker()
    memory, ids, overflow = run(frames)
    assert ids == [naive.update(frame) for frame in frames]
    assert memory.count == len(naive.tracks) and not overflow.any()
    for k, (box, label, embedding) in enumerate(naive.tracks):
        np.testing.assert_array_equal(memory.boxes[k], box)
        np.testing.assert_array_equal(memory.embeddings[k], embedding)
        assert memory.labels[k] == label


BOX, HALF, FAR = ([0, 0, 10, 10], [0, 0, 10, 5], [40, 40, 50, 50])
RIGHT, UP, LEFT = ([1, 0, 0, 0], [0, 1, 0, 0], [-1, 0, 0, 0])


def detection(box, embedding=RIGHT, label=0):
    return np.float32(box), label, np.float32(embedding)


def ids_of(*frames, tracker=TRACKER):
    return run(frames, tracker)[1]


def test_looks_and_place_together_decide():
    first = [detection(BOX, RIGHT)]
    assert ids_of(first, [detection(FAR, RIGHT)])[1] == [0]  # cosine alone
    assert ids_of(first, [detection(HALF, UP)])[1] == [0]  # overlap alone
    assert ids_of(first, [detection(BOX, LEFT)])[1] == [1]  # -1 + 1
    assert ids_of(first, [detection(FAR, UP)])[1] == [1]


def test_the_length_of_an_embedding_does_not_count():
    assert ids_of([detection(BOX)], [detection(FAR, [0.4, 0.6, 0, 0])])[1] == [0]  # cosine 0.55
    assert ids_of([detection(BOX)], [detection(FAR, [0.04, 0.06, 0, 0])])[1] == [0]
    assert ids_of([detection(BOX)], [detection(FAR, [400, 1600, 0, 0])])[1] == [1]  # 0.24


def test_an_object_of_another_label_is_never_chosen():
    frames = [detection(BOX, label=0)], [detection(BOX, label=1)]
    assert ids_of(*frames) == [[0], [1]]
    assert ids_of(*frames, tracker=SimilarityTracker(min_similarity=-0.99)) == [[0], [1]]


def test_the_threshold_itself_links():
    frames = [detection(BOX, [1, 1, 1, 1])], [detection(FAR, RIGHT)]
    assert ids_of(*frames, tracker=SimilarityTracker(min_similarity=0.5))[1] == [0]
    above = SimilarityTracker(min_similarity=float(np.nextafter(np.float32(0.5), 1)))
    assert ids_of(*frames, tracker=above)[1] == [1]


def test_of_equal_detections_the_first_keeps_the_object_and_the_other_is_dropped():
    assert ids_of([detection(BOX)], [detection(BOX), detection(BOX)])[1] == [0, -1]
    assert ids_of([detection(BOX)], [detection(HALF), detection(BOX)])[1] == [-1, 0]


def test_of_equal_objects_the_first_is_chosen_and_new_ones_only_in_the_next_frame():
    assert ids_of([detection(BOX), detection(BOX)], [detection(BOX)]) == [[0, 1], [0]]


def test_an_object_comes_back_as_it_was_last_seen():
    moved, back = detection(FAR, UP), detection(FAR, [0.1, 1, 0, 0])
    start = [detection(BOX, [1, 1, 0, 0])]
    assert ids_of(start, [moved], [], [], [back], [detection(BOX, RIGHT)]) == (
        [[0], [0], [], [], [0], [1]]
    )


def test_an_embedding_of_length_zero_looks_like_none():
    nothing = [0, 0, 0, 0]
    assert ids_of([detection(BOX, nothing)], [detection(FAR, nothing)]) == [[0], [1]]
    assert ids_of([detection(BOX, nothing)], [detection(BOX, RIGHT)]) == [[0], [0]]


def test_the_box_convention_decides_what_overlaps():
    frames = [detection([0, 0, 1, 1], UP)], [detection([1, 0, 2, 1], RIGHT)]  # a column, or none
    loose = {"min_similarity": 0.3}
    assert ids_of(*frames, tracker=SimilarityTracker(**loose))[1] == [1]
    inclusive = SimilarityTracker(**loose, convention=INCLUSIVE)
    assert ids_of(*frames, tracker=inclusive)[1] == [0]  # 2 of 6 pixels


def test_objects_without_a_free_slot_are_dropped_and_counted():
    places = [detection([20 * k, 0, 20 * k + 9, 9], np.eye(4)[k]) for k in range(3)]
    memory, ids, overflow = run([places, places[::-1]], capacity=2)
    assert ids == [[0, 1, -1], [-1, 1, 0]]
    assert overflow[:2].tolist() == [1, 1] and memory.overflow == 2 and memory.count == 2


def test_what_stands_in_invalid_slots_changes_nothing():
    frames = random_clip(np.random.default_rng(1))
    assert run(frames, fill=0.0)[1] == run(frames, fill=np.nan)[1]


def test_every_kind_of_device_can_run_it():
    memory = jax.eval_shape(lambda: TRACKER.init_memory(4, 4))
    detections = jax.eval_shape(lambda: make_detections(*no_detections(), SLOTS))
    platforms = ("cpu", "cuda", "tpu")
    exported = jax.export.export(jax.jit(TRACKER.step), platforms=platforms)(memory, detections)
    assert exported.platforms == platforms


@pytest.mark.parametrize("threshold", [-1.0, 2.5, float("nan")])
def test_thresholds_that_mean_nothing_are_refused(threshold):
    with pytest.raises(ValueError, match="min_similarity"):
        SimilarityTracker(min_similarity=threshold)
