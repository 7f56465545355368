import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_folder import golden_arrays, golden_json
from hypothesis import given, settings
from hypothesis import strategies as st
from tracking.padded import CAPACITY, make_detections

from ovis_jax.tracking.cues import CueTracker, assign_identities, remember

TRACKER = CueTracker()
update = jax.jit(TRACKER.update)
remember_jit = jax.jit(remember)


def recorded_frames(video):
    """Detections, golden arrays and golden JSON of each frame; embeddings only where recorded."""
    arrays = golden_arrays("cmasktrack_rcnn", "sequence.npz")
    for frame in golden_json("cmasktrack_rcnn", "tracking.json")[video]:
        prefix = f"{video}_t{frame['frame']}/"
        own = {k.removeprefix(prefix): v for k, v in arrays.items() if k.startswith(prefix)}
        boxes, labels = own["det_bboxes"], own["det_labels"]
        embeddings = own.get("det_embed", np.zeros((0, 1024)))
        if embeddings.ndim == 1:
            embeddings = np.zeros((len(boxes), 1024))
        yield make_detections(boxes[:, :4], boxes[:, 4], labels, embeddings), own, frame


def check_frame(frame, memory, ids, kept):
    """Identities, holders and memory size equal the recorded ones."""
    count = len(frame["detections"])
    np.testing.assert_array_equal(ids[:count], [d["id"] for d in frame["detections"]])
    assert np.all(np.asarray(ids[count:]) == -1) and not kept[count:].any()
    holders = {int(ids[i]): int(i) for i in np.flatnonzero(kept)}
    assert holders == {int(k): v for k, v in frame["kept"].items()}
    assert memory.count == frame["memory_after"] and memory.overflow == 0


@pytest.mark.parametrize("video", ["v0", "v1", "v1fix", "v2"])
def test_recorded_match_logits_lead_to_the_recorded_tracks(video):
    memory = TRACKER.init_memory(CAPACITY, 1024)
    for detections, own, frame in recorded_frames(video):
        count, objects = len(frame["detections"]), int(memory.count)
        logits = np.full((CAPACITY, CAPACITY), np.nan, np.float32)  # NaN: nobody may read these
        if "match_score" in own:
            logits[:count, :objects] = own["match_score"][:, 1:]
        total = TRACKER.total_scores(logits, memory, detections)
        if "comp_scores" in own:
            got = total[:count, : objects + 1]
            np.testing.assert_allclose(got, own["comp_scores"], rtol=1e-5, atol=1e-4)
        memory, ids, kept = remember_jit(memory, detections, total)
        check_frame(frame, memory, ids, kept)


def test_recorded_embeddings_lead_to_the_recorded_tracks():
    memory = TRACKER.init_memory(CAPACITY, 1024)
    for detections, own, frame in list(recorded_frames("v0"))[:2]:
        if "match_score" in own:
            got = TRACKER.match_scores(memory, detections)
            want = own["comp_scores"]
            np.testing.assert_allclose(got[: len(want), : want.shape[1]], want, atol=1e-3)
        memory, ids, kept = update(memory, detections)
        check_frame(frame, memory, ids, kept)


class NaiveTracker:
    """The published order of events: one detection after the other."""

    def __init__(self):
        self.boxes, self.labels, self.embeddings = [], [], []

    def total(self, box, score, label, embedding):
        logits = np.array([0.0] + [embedding @ e for e in self.embeddings])
        total = logits - np.log(np.exp(logits - logits.max()).sum()) - logits.max() + np.log(score)
        total[0] += 10
        for k, (other, other_label) in enumerate(zip(self.boxes, self.labels, strict=True)):
            low, high = np.maximum(box[:2], other[:2]), np.minimum(box[2:], other[2:])
            overlap = np.prod(np.maximum(high - low + 1, 0))
            union = np.prod(box[2:] - box[:2] + 1) + np.prod(other[2:] - other[:2] + 1) - overlap
            total[k + 1] += 2 * overlap / union + 10 * (label == other_label)
        return total

    def update(self, boxes, scores, labels, embeddings):
        frame = list(zip(boxes, scores, labels, embeddings, strict=True))
        totals = [self.total(*detection) for detection in frame]
        ids, holder, best = [], {}, {}
        for d, (total, (box, _, label, embedding)) in enumerate(zip(totals, frame, strict=True)):
            column = int(np.argmax(total))
            if column == 0:
                ids.append(len(self.boxes))
                self.boxes.append(box), self.labels.append(label), self.embeddings.append(embedding)
            elif total[column] > best.get(column - 1, -100):
                ids.append(column - 1)
                best[column - 1] = total[column]
                self.boxes[column - 1], self.embeddings[column - 1] = box, embedding
            else:
                ids.append(-1)
                continue
            holder[ids[-1]] = d
        return ids, holder


def random_frame(rng):
    count = rng.integers(0, 13)
    low = rng.uniform(0, 30, (count, 2))
    boxes = np.concatenate([low, low + rng.uniform(5, 30, (count, 2))], 1)
    scores, labels = rng.uniform(0.05, 1, count), rng.integers(0, 2, count)
    return boxes, scores, labels, 1.5 * rng.normal(size=(count, 4))


@settings(deadline=None, max_examples=25)
@given(seed=st.integers(0, 2**31))
def test_tracks_are_those_of_the_sequential_algorithm(seed):
    rng = np.random.default_rng(seed)
    naive, memory = NaiveTracker(), TRACKER.init_memory(CAPACITY, 4)
    for _ in range(7):
        frame = random_frame(rng)
        detections = make_detections(*frame, capacity=12, fill=np.nan)
        memory, ids, kept = update(memory, detections)
        want, holders = naive.update(*frame)
        np.testing.assert_array_equal(ids[: len(want)], want)
        assert {int(ids[i]): int(i) for i in np.flatnonzero(kept)} == holders
        count = int(memory.count)
        assert count == len(naive.boxes)
        np.testing.assert_array_equal(memory.labels[:count], naive.labels)
        if count:
            np.testing.assert_allclose(memory.boxes[:count], naive.boxes, rtol=1e-5)
            np.testing.assert_allclose(memory.embeddings[:count], naive.embeddings, rtol=1e-5)


def test_a_better_later_claim_takes_the_identity_and_a_worse_one_gets_none():
    total = jnp.array([[0.0, 5, -9], [0, 7, -9], [0, 6, -9], [0, 7, -9], [3, 1, 2], [0, -9, 1]])
    ids, kept, is_new = assign_identities(total, jnp.ones(6, bool), jnp.int32(2))
    np.testing.assert_array_equal(ids, [0, 0, -1, -1, 2, 1])
    np.testing.assert_array_equal(kept, [False, True, False, False, True, True])
    np.testing.assert_array_equal(is_new, [False] * 4 + [True, False])


def test_of_equal_columns_the_first_is_claimed():
    ids, kept, is_new = assign_identities(
        jnp.array([[1.0, 1, 1], [0, 1, 1]]), jnp.ones(2, bool), jnp.int32(2)
    )
    np.testing.assert_array_equal(ids, [2, 0])
    np.testing.assert_array_equal(is_new, [True, False])


def test_claims_at_or_below_minus_one_hundred_fail():
    ids, kept, _ = assign_identities(jnp.array([[-200.0, -100]]), jnp.ones(1, bool), jnp.int32(1))
    assert ids[0] == -1 and not kept[0]


def test_labels_stay_those_of_the_first_detection():
    memory = TRACKER.init_memory(4, 2)
    box, appearance = [[0, 0, 10, 10]], [[8.0, 0]]
    memory, *_ = update(memory, make_detections(box, [0.9], [3], appearance, 2))
    memory, ids, _ = update(memory, make_detections(box, [0.8], [1], appearance, 2))
    assert ids[0] == 0 and memory.labels[0] == 3


def test_detections_without_a_free_slot_are_dropped_and_counted():
    rng = np.random.default_rng(0)
    boxes = np.arange(5)[:, None] * 100 + np.array([0, 0, 10, 10])
    detections = make_detections(boxes, [0.9] * 5, range(5), rng.normal(size=(5, 2)), 6)
    memory, ids, kept = update(TRACKER.init_memory(3, 2), detections)
    np.testing.assert_array_equal(ids, [0, 1, 2, -1, -1, -1])
    np.testing.assert_array_equal(kept, [True] * 3 + [False] * 3)
    assert memory.count == 3 and memory.overflow == 2
    np.testing.assert_array_equal(memory.boxes, boxes[:3])


def test_class_scores_pass_through_where_there_are_some():
    frame = make_detections([[0, 0, 10, 10]], [0.9], [3], [[8.0, 0]], 2)
    memory = TRACKER.init_memory(4, 2)
    assert TRACKER.step(memory, frame)[1].class_scores is None
    every = jnp.arange(6.0).reshape(2, 3)
    output = TRACKER.step(memory, frame.replace(class_scores=every))[1]
    np.testing.assert_array_equal(output.class_scores, every)


def test_an_empty_frame_changes_nothing():
    frame = make_detections([[0, 0, 10, 10]], [0.9], [3], [[8.0, 0]], 2)
    empty = make_detections(np.zeros((0, 4)), [], [], np.zeros((0, 2)), 2, fill=np.nan)
    memory, *_ = update(TRACKER.init_memory(4, 2), frame)
    unchanged, ids, kept = update(memory, empty)
    jax.tree.map(np.testing.assert_array_equal, unchanged, memory)
    assert np.all(ids == -1) and not kept.any()


def test_invalid_detections_and_empty_slots_change_nothing():
    rng = np.random.default_rng(0)
    first, second = random_frame(rng), random_frame(rng)
    results = []
    for fill in (0.0, np.nan):
        memory = TRACKER.init_memory(CAPACITY, 4)
        memory = memory.replace(boxes=memory.boxes + fill, embeddings=memory.embeddings + fill)
        memory, *_ = update(memory, make_detections(*first, capacity=16, fill=fill))
        memory, ids, kept = update(memory, make_detections(*second, 16, fill))
        count = int(memory.count)
        results.append((memory.boxes[:count], memory.embeddings[:count], ids, kept))
    jax.tree.map(np.testing.assert_array_equal, *results)
