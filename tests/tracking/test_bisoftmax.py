"""IDOL's linker beside the same rule written detection by detection."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tracking.padded import make_detections

from ovis_jax.tracking.bisoftmax import BisoftmaxTracker

SLOTS, FRAMES, SIZE = 6, 16, 4
TRACKER = BisoftmaxTracker(new_score=0.4, first_score=0.2, max_age=3)


class NaiveTracker:
    """One video: a dictionary of tracks in the order in which they were first seen."""

    def __init__(self):
        self.tracks, self.started, self.frame = {}, 0, 0

    def similarities(self, embeddings):
        means = []
        for track in self.tracks.values():
            n = len(track["embeddings"])
            weights = [s + (k + 1) / n for k, s in enumerate(track["scores"])]
            mean = sum(w * e for w, e in zip(weights, track["embeddings"], strict=True))
            means.append(mean / sum(weights))
        dots = np.exp(np.float64(embeddings) @ np.transpose(means))
        return (dots / dots.sum(0) + dots / dots.sum(1, keepdims=True)) / 2

    def choose(self, embeddings):
        """The identity that each detection continues, or None."""
        chosen = [None] * len(embeddings)
        if not self.tracks:
            return chosen
        names, similar = list(self.tracks), self.similarities(embeddings)
        seen = np.array([track["seen"] for track in self.tracks.values()], float)
        for d in range(len(embeddings)):
            own, like = similar[d].copy(), similar[d] > 0.5
            if like.sum() > 1:
                own = np.where(like, own * seen, own * seen[like].mean())
            best = int(own.argmax())
            if own[best] > 0.5:
                chosen[d] = names[best]
                similar[:, best] = 0
        return chosen

    def update(self, scores, embeddings):
        """Identities of the detections of a frame, -1 for those that have none."""
        least = 0.4 if self.tracks else 0.2
        ids = []
        for chosen, score, embedding in zip(
            self.choose(embeddings), scores, embeddings, strict=True
        ):
            if chosen is None and score > np.float32(least):
                chosen, self.started = self.started, self.started + 1
            ids.append(-1 if chosen is None else chosen)
            if chosen is not None:
                track = self.tracks.setdefault(chosen, dict(embeddings=[], scores=[], seen=0))
                track["embeddings"] = [*track["embeddings"], embedding][-3:]
                track["scores"] = [*track["scores"], score][-3:]
                track.update(seen=track["seen"] + 1, last=self.frame)
        if ids:
            self.tracks = {k: x for k, x in self.tracks.items() if self.frame - x["last"] < 3}
        self.frame += 1
        return ids


@functools.cache
def scan(tracker, capacity):
    """The compiled tracker over a clip: detections with a leading axis to memory and outputs."""
    memory = tracker.init_memory(capacity, SIZE)
    return jax.jit(lambda detections: jax.lax.scan(tracker.step, memory, detections))


def run(frames, tracker=TRACKER, capacity=20):
    """Memory after FRAMES frames, ids of the detections of each, -1 without, and its overflow."""
    frames = [*frames, *[((), np.zeros((0, SIZE)))] * (FRAMES - len(frames))]
    padded = [
        make_detections(
            np.zeros((len(scores), 4)), scores, [0] * len(scores), embeddings, SLOTS, np.nan
        )
        for scores, embeddings in frames
    ]
    memory, outputs = scan(tracker, capacity)(jax.tree.map(lambda *x: jnp.stack(x), *padded))
    held = np.where(outputs.valid, outputs.ids, -1)
    ids = [own[: len(frame[0])].tolist() for own, frame in zip(held, frames, strict=True)]
    return memory, ids, np.asarray(outputs.overflow)


def random_clip(rng):
    """Scores in falling order and embeddings of a few directions; some frames are empty."""
    directions, frames = 2 * rng.normal(size=(5, SIZE)), []
    for count in rng.integers(0, SLOTS + 1, FRAMES):
        own = directions[rng.integers(0, len(directions), count)]
        own = np.float32(own + 0.2 * rng.normal(size=own.shape))
        frames.append((np.float32(np.sort(rng.uniform(0.1, 1, count))[::-1]), own))
    return frames


@pytest.mark.parametrize("seed", range(12))
def test_identities_and_memory_are_those_of_the_loop(seed):
    frames, naive = random_clip(np.random.default_rng(seed)), NaiveTracker()
    memory, ids, overflow = run(frames)
    assert ids == [naive.update(*frame) for frame in frames]
    assert memory.ids[: memory.count].tolist() == list(naive.tracks) and not overflow.any()
    for k, track in enumerate(naive.tracks.values()):
        assert memory.frames_seen[k] == track["seen"] and memory.last_seen[k] == track["last"]
        np.testing.assert_array_equal(memory.embeddings[k], track["embeddings"][-1])


EAST, NORTH = [9, 0, 0, 0], [0, 9, 0, 0]


def test_a_lone_detection_continues_the_longest_track_whatever_it_looks_like():
    both, one = ([0.9, 0.8], [EAST, NORTH]), ([0.9], [EAST])
    other = ([0.3], [[0, 0, 9, 0]])
    _, ids, _ = run([both, one, other])
    assert ids[:3] == [[0, 1], [0], [0]]


def test_the_only_track_is_taken_by_the_best_detection():
    east, north = [1, 0, 0, 0], [0, 1, 0, 0]
    _, ids, _ = run([([0.9], [east]), ([0.8, 0.7], [north, east])])
    assert ids[1] == [0, 1]
    _, ids, _ = run([([0.9], [EAST]), ([0.8, 0.7], [NORTH, EAST])])
    assert ids[1] == [1, 0]  # the better one is at one half exactly, as float32 rounds it


def test_a_track_is_forgotten_after_its_age_but_not_in_frames_without_detections():
    start, other = ([0.9, 0.9], [EAST, NORTH]), ([0.9, 0.1], [NORTH, [0, 0, 9, 0]])
    again = ([0.9, 0.9], [NORTH, EAST])
    _, ids, _ = run([start, other, other, again])
    assert ids[3] == [1, 0]
    _, ids, _ = run([start, other, other, other, again])
    assert ids[4] == [1, 2]
    _, ids, _ = run([start, ((), np.zeros((0, SIZE))), again], BisoftmaxTracker(max_age=1))
    assert ids[2] == [1, 0]


def test_what_the_memory_has_no_room_for_is_shown_once_and_counted():
    frame = ([0.9, 0.8, 0.7], [EAST, NORTH, [0, 0, 9, 0]])
    _, ids, overflow = run([frame, frame], capacity=2)
    assert ids[:2] == [[0, 1, 2], [0, 1, 3]]
    assert overflow[:3].tolist() == [1, 1, 0]
