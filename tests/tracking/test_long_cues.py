"""The cues with a longer memory, beside loops over one detection after the other."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tracking.padded import make_detections

from ovis_jax.ops.boxes import EXCLUSIVE, INCLUSIVE
from ovis_jax.tracking.cues import CueTracker
from ovis_jax.tracking.long_cues import RULES, LongCueTracker, grid_iou
from ovis_jax.tracking.rules import Track

SLOTS, OBJECTS, SIDE = 8, 40, 4
FULL = LongCueTracker(length=3, mask_weight=3.0, mask_side=SIDE, sure_score=0.5)
VARIANTS = {
    "without masks": LongCueTracker(length=3, sure_score=0.5),
    "all": FULL,
}
UPDATES = {name: jax.jit(own.update) for name, own in VARIANTS.items()}


def naive_grid_iou(mask, box, other, other_box):
    """Cell after cell of the first mask; boxes are inclusive."""
    size, other_size = box[2:] - box[:2] + 1, other_box[2:] - other_box[:2] + 1
    shared = 0
    for row, column in np.ndindex(*mask.shape):
        point = box[:2] + (np.array([column, row]) + 0.5) / len(mask) * size
        x, y = np.floor((point - other_box[:2]) / other_size * len(other)).astype(int)
        if 0 <= x < len(other) and 0 <= y < len(other):
            shared += mask[row, column] and other[y, x]
    overlap = shared / mask.size * size.prod()
    union = mask.mean() * size.prod() + other.mean() * other_size.prod() - overlap
    return min(overlap / union, 1) if union > 0 else 0


class NaiveLongTracker:
    """Objects as dictionaries; identities are places in the list."""

    def __init__(self, settings: LongCueTracker):
        self.settings, self.objects = settings, []

    def total(self, own, candidates):
        """Columns of "new" and of the objects."""
        logits = [0.0]
        for known in self.objects:
            logits.append(own["embedding"] @ np.mean(known["embeddings"], axis=0))
        logits = np.array(logits)
        total = logits - logits.max() - np.log(np.exp(logits - logits.max()).sum())
        total += np.log(own["score"])
        total[0] += 10
        for k, known in enumerate(self.objects):
            box, other = own["box"], known["box"]
            low, high = np.maximum(box[:2], other[:2]), np.minimum(box[2:], other[2:])
            overlap = np.prod(np.maximum(high - low + 1, 0))
            union = np.prod(box[2:] - box[:2] + 1) + np.prod(other[2:] - other[:2] + 1) - overlap
            total[k + 1] += 2 * overlap / union + 10 * (own["label"] == known["label"])
            if self.settings.mask_weight:
                iou = naive_grid_iou(own["mask"], box, known["mask"], other)
                total[k + 1] += self.settings.mask_weight * iou
            if k not in candidates:
                total[k + 1] = -np.inf
        return total

    def update(self, frame):
        everybody = set(range(len(self.objects)))
        sure = [own["score"] >= self.settings.sure_score for own in frame]
        totals = [self.total(own, everybody) for own in frame]
        ids, holders, new = [-1] * len(frame), {}, []
        self._claim(totals, [d for d, s in enumerate(sure) if s], ids, holders, new)
        left = everybody - set(holders)
        totals = [self.total(own, left) for own in frame]
        self._claim(totals, [d for d, s in enumerate(sure) if not s], ids, holders, None)
        for d in new:
            ids[d] = len(self.objects)
            holders[ids[d]] = d
            self.objects.append({"label": frame[d]["label"], "embeddings": []})
        for number, d in holders.items():
            known = self.objects[number]
            known |= {"box": frame[d]["box"], "mask": frame[d]["mask"]}
            recent = [*known["embeddings"], frame[d]["embedding"]]
            known["embeddings"] = recent[-self.settings.length :]
        return ids, holders

    @staticmethod
    def _claim(totals, order, ids, holders, new):
        best = {}
        for d in order:
            column = int(np.argmax(totals[d]))
            if column == 0:
                if new is not None:
                    new.append(d)
            elif totals[d][column] > best.get(column - 1, -100):
                ids[d] = column - 1
                best[column - 1], holders[column - 1] = totals[d][column], d


def random_frame(rng):
    frame = []
    for _ in range(rng.integers(0, SLOTS + 1)):
        low = rng.uniform(0, 30, 2)
        frame.append(
            {
                "box": np.concatenate([low, low + rng.uniform(5, 30, 2)]).astype(np.float32),
                "score": float(rng.uniform(0.05, 1)),
                "label": int(rng.integers(0, 2)),
                "embedding": 1.5 * rng.normal(size=4),
                "mask": rng.random((SIDE, SIDE)) < 0.7,
            }
        )
    return frame


def padded(frame):
    """Detections of a frame; what stands in invalid slots is NaN."""
    boxes, scores, labels, embeddings, masks = (
        [own[name] for own in frame] for name in ("box", "score", "label", "embedding", "mask")
    )
    boxes, embeddings = np.reshape(boxes, (-1, 4)), np.reshape(embeddings, (-1, 4))
    found = make_detections(boxes, scores, labels, embeddings, SLOTS, fill=np.nan)
    grids = np.full((SLOTS, SIDE, SIDE), np.nan, np.float32)
    grids[: len(frame)] = np.where(np.reshape(masks, (-1, SIDE, SIDE)), 2.0, -1.0)
    return found.replace(mask_logits=jnp.asarray(grids))


@pytest.mark.parametrize("name", VARIANTS)
@settings(deadline=None, max_examples=12)
@given(seed=st.integers(0, 2**31))
def test_tracks_are_those_of_the_sequential_algorithm(name, seed):
    rng = np.random.default_rng(seed)
    naive, memory = NaiveLongTracker(VARIANTS[name]), VARIANTS[name].init_memory(OBJECTS, 4)
    for _ in range(5):
        frame = random_frame(rng)
        memory, ids, kept = UPDATES[name](memory, padded(frame))
        want, holders = naive.update(frame)
        np.testing.assert_array_equal(ids[: len(frame)], want)
        assert {int(ids[d]): int(d) for d in np.flatnonzero(kept)} == holders
        assert int(memory.objects.count) == len(naive.objects)
        for number, known in enumerate(naive.objects):
            stored = int(memory.stored[number])
            assert stored == len(known["embeddings"])
            got = memory.recent[number, -stored:]
            np.testing.assert_allclose(got, known["embeddings"], rtol=1e-5)


def test_without_options_tracks_are_those_of_the_cues():
    rng = np.random.default_rng(3)
    plain, longer = CueTracker(), LongCueTracker()
    memories = plain.init_memory(OBJECTS, 4), longer.init_memory(OBJECTS, 4)
    steps = jax.jit(plain.step), jax.jit(longer.step)
    for _ in range(6):
        detections = padded(random_frame(rng))
        one, other = (step(own, detections) for step, own in zip(steps, memories, strict=True))
        jax.tree.map(np.testing.assert_array_equal, one[1], other[1])
        jax.tree.map(np.testing.assert_array_equal, one[0], other[0].objects)
        memories = one[0], other[0]


@pytest.mark.parametrize("seed", range(3))
def test_overlaps_of_masks_follow_their_definition(seed):
    rng = np.random.default_rng(seed)
    masks, others = rng.random((3, 5, 5)) < 0.6, rng.random((4, 5, 5)) < 0.6
    low, far = rng.uniform(0, 20, (3, 2)), rng.uniform(0, 20, (4, 2))
    boxes = np.concatenate([low, low + rng.uniform(3, 30, (3, 2))], 1)
    other_boxes = np.concatenate([far, far + rng.uniform(3, 30, (4, 2))], 1)
    got = grid_iou(masks, boxes, others, other_boxes)
    for d, m in np.ndindex(3, 4):
        want = naive_grid_iou(masks[d], boxes[d], others[m], other_boxes[m])
        np.testing.assert_allclose(got[d, m], want, atol=1e-5)


@pytest.mark.parametrize("convention", [INCLUSIVE, EXCLUSIVE])
def test_full_masks_overlap_as_their_boxes_do(convention):
    boxes = np.array([[0.0, 0, 19, 39], [10, 5, 49, 24], [60, 60, 70, 80]])
    full = np.ones((3, 64, 64), bool)
    want = convention.iou(jnp.asarray(boxes), jnp.asarray(boxes))
    np.testing.assert_allclose(grid_iou(full, boxes, full, boxes, convention), want, atol=0.03)


def test_empty_masks_overlap_with_nothing():
    boxes = np.array([[0.0, 0, 10, 10], [2, 2, 8, 8]])
    empty = np.zeros((2, 4, 4), bool)
    np.testing.assert_array_equal(grid_iou(empty, boxes, empty, boxes), 0)


def test_masks_of_another_side_are_an_error():
    other = dataclasses.replace(FULL, mask_side=SIDE + 1)
    with pytest.raises(ValueError, match="mask_side"):
        jax.eval_shape(other.update, other.init_memory(OBJECTS, 4), padded([]))


def told_track(class_scores):
    return Track(
        frames=(0, 1, 2),
        scores=np.array([0.5, 0.5, 0.9]),
        labels=np.array([0, 0, 1]),
        class_scores=class_scores,
        rles=("mask",) * 3,
    )


def test_a_track_gets_its_class_by_vote_by_means_or_a_record_for_every_likely_one():
    track = told_track(np.float32([[0.5, 0.4, 0.04], [0.5, 0.4, 0.04], [0, 0.9, 0.04]]))
    rules = {name: LongCueTracker(classes=name).track_rule for name in RULES}
    assert [label for _, label in rules["majority"](track)] == [0]
    assert [label for _, label in rules["mean"](track)] == [1]
    every = rules["every"](track)
    assert [label for _, label in every] == [0, 1]  # the mean of the last one is below 0.05
    np.testing.assert_allclose([score for score, _ in every], [1 / 3, 1.7 / 3], rtol=1e-6)


def test_objects_without_class_scores_are_told_by_vote():
    for name in RULES:
        assert LongCueTracker(classes=name).track_rule(told_track(None))[0][1] == 0


def test_a_rule_that_nobody_knows_is_named():
    with pytest.raises(ValueError, match="'best'; expected one of"):
        LongCueTracker(classes="best")
