"""The tracker whose memory moves, against loops over Python lists."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.ops.boxes import EXCLUSIVE
from ovis_jax.tracking.shifted import MaskedBoxes, ShiftedTracker

SLOTS, FRAMES, CAPACITY = 6, 6, 12
TRACKER = ShiftedTracker()


class NaiveTracker:
    """One video; tracks are dictionaries."""

    def __init__(self, capacity):
        self.tracks, self.capacity, self.lost = [], capacity, 0

    def age(self, move):
        for track in self.tracks:
            track["box"] = track["box"] + move
            track["score"] = np.float32(track["score"] * np.float32(0.95))
            track["age"] += 1

    def link(self, frame, overlaps):
        """Identities of the detections of a frame, -1 for those that are dropped."""
        before, ids, holders = len(self.tracks), [-1] * len(frame), {}
        for d, own in enumerate(frame):
            affinities = [1.4] + [
                (own["embedding"] @ track["embedding"] + 1) / 2
                + overlaps[d, m]
                + 2 * float(EXCLUSIVE.iou(own["box"][None], track["box"][None])[0, 0])
                for m, track in enumerate(self.tracks[:before])
            ]
            column = int(np.argmax(affinities))
            if column > 0:
                if own["score"] > holders.get(column - 1, (-np.inf, None))[0]:
                    holders[column - 1] = own["score"], d
            elif len(self.tracks) < self.capacity:
                ids[d] = len(self.tracks)
                self.tracks.append({**own, "age": 0})
            else:
                self.lost += 1
        for track, (_, d) in holders.items():
            ids[d], self.tracks[track] = track, {**frame[d], "age": 0}
        return ids


@functools.cache
def program(capacity):
    def step(memory, inputs):
        detections, overlaps, move = inputs
        memory = TRACKER.aged(memory, memory.boxes + move, memory.coefficients)
        affinities = TRACKER.affinities(memory, detections, overlaps)
        memory, ids = TRACKER.link(memory, detections, affinities)
        return memory, (ids, memory)

    memory = TRACKER.init_memory(capacity, 3, 2)
    return jax.jit(lambda inputs: jax.lax.scan(step, memory, inputs)[1])


def random_frame(rng, kinds):
    """Detections near one of some places, in order of score; scores may be negative."""
    scores = np.sort(rng.normal(size=rng.integers(0, SLOTS + 1)).astype(np.float32))[::-1]
    frame = []
    for score in scores:
        kind = rng.integers(len(kinds))
        embedding = kinds[kind] + rng.normal(scale=0.3, size=3)
        low = np.float32([kind, kind]) + rng.normal(scale=0.3, size=2)
        frame.append(
            dict(
                box=np.float32([*low, *(low + 1)]),
                score=score,
                label=int(rng.integers(4)),
                embedding=np.float32(embedding / np.linalg.norm(embedding)),
            )
        )
    return frame


def padded(frame) -> MaskedBoxes:
    def field(name, shape, fill=np.nan):
        values = [own[name] for own in frame] + [np.full(shape, fill)] * (SLOTS - len(frame))
        return jnp.asarray(np.stack(values), jnp.int32 if name == "label" else jnp.float32)

    return MaskedBoxes(
        boxes=field("box", 4),
        scores=field("score", ()),
        labels=field("label", (), 99),
        coefficients=jnp.zeros((SLOTS, 2)),
        embeddings=field("embedding", 3),
        valid=jnp.arange(SLOTS) < len(frame),
        overflow=jnp.int32(0),
    )


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 10**6), capacity=st.sampled_from([4, CAPACITY, 3 * CAPACITY]))
def test_identities_scores_and_ages_follow_their_definition(seed, capacity):
    rng = np.random.default_rng(seed)
    kinds = rng.normal(size=(4, 3))
    frames = [random_frame(rng, kinds) for _ in range(FRAMES)]
    overlaps = rng.uniform(0, 0.5, (FRAMES, SLOTS, capacity)).astype(np.float32)
    moves = rng.normal(scale=0.1, size=(FRAMES, 4)).astype(np.float32)
    inputs = jax.tree.map(lambda *x: jnp.stack(x), *map(padded, frames))
    ids, memories = jax.device_get(program(capacity)((inputs, overlaps, moves)))
    naive = NaiveTracker(capacity)
    for t, frame in enumerate(frames):
        naive.age(moves[t])
        want = naive.link(frame, overlaps[t])
        assert ids[t].tolist() == want + [-1] * (SLOTS - len(frame))
        memory, count = jax.tree.map(lambda x, t=t: x[t], memories), len(naive.tracks)
        assert memory.count == count and memory.overflow == naive.lost
        assert memory.ages[:count].tolist() == [track["age"] for track in naive.tracks]
        assert memory.labels[:count].tolist() == [track["label"] for track in naive.tracks]
        scores = np.float32([track["score"] for track in naive.tracks])
        np.testing.assert_allclose(memory.scores[:count], scores, rtol=1e-5)
        assert np.isfinite(memory.boxes).all() and np.isfinite(memory.embeddings).all()


def test_of_equal_affinities_the_object_that_was_seen_first_counts():
    memory = TRACKER.init_memory(CAPACITY, 3, 2).replace(count=jnp.int32(3))
    frame = padded(random_frame(np.random.default_rng(1), np.eye(3)))
    frame = frame.replace(valid=jnp.arange(SLOTS) < 1, scores=jnp.ones(SLOTS))
    affinities = (
        jnp.full((SLOTS, 1 + CAPACITY), -jnp.inf)
        .at[:, :4]
        .set(jnp.array([1.4, 1.0, 2.0, 2.0 + 5e-6]))
    )
    _, ids = TRACKER.link(memory, frame, affinities)
    assert ids[0] == 1


def test_what_is_shown_was_detected_lately_with_some_score_and_some_mask():
    memory = TRACKER.init_memory(5, 3, 2).replace(
        count=jnp.int32(4),
        ages=jnp.array([10, 11, 0, 0, 0]),
        scores=jnp.array([0.06, 0.9, 0.05, 0.9, 0.9]),
    )
    shown = TRACKER.shown(memory, jnp.array([2, 9, 9, 1, 9]))
    assert shown.tolist() == [True, False, False, False, False]
