"""Anchors to objects, against one anchor after the other."""

import jax
import jax.numpy as jnp
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.ops.assign_anchors import AnchorThresholds, assign_anchors
from ovis_jax.ops.boxes import EXCLUSIVE

ANCHORS, OBJECTS = 40, 5
assign = jax.jit(lambda *x: assign_anchors(*x, AnchorThresholds()))


def random_boxes(rng, count):
    low = rng.uniform(0, 0.5, (count, 2))
    return np.concatenate([low, low + rng.uniform(0.2, 0.5, (count, 2))], 1).astype(np.float32)


def naive(anchors, losses, targets, valid):
    """Classes of anchors (1 positive, 0 background, -1 neither), and the object of each."""
    objects = np.flatnonzero(valid)
    iou = np.asarray(EXCLUSIVE.iou(targets, anchors))
    overlap, index = np.full(len(anchors), -1.0), np.zeros(len(anchors), int)
    for a in range(len(anchors)):
        for n in objects:
            if iou[n, a] > overlap[a]:
                overlap[a], index[a] = iou[n, a], n
        if sum(iou[n, a] > np.float32(0.4) for n in objects) > 1:
            overlap[a] = 0.45
    sure = [a for a in range(len(anchors)) if overlap[a] > 0.5]
    growth = {a: 2 / (1 + np.exp(losses[index[a], a])) for a in sure}
    raised = np.mean(list(growth.values())) if sure else 0
    for a in sure:
        overlap[a] += growth[a]
    free, waiting = set(range(len(anchors))), set(objects)
    while waiting:
        n, a = max(((n, a) for n in waiting for a in free), key=lambda pair: iou[pair])
        overlap[a], index[a] = 2, n
        free.remove(a)
        waiting.remove(n)
    classes = [1 if o >= 0.5 + raised else 0 if o < 0.4 + raised else -1 for o in overlap]
    return np.array(classes), index


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10**6))
def test_assignment_follows_its_definition(seed):
    rng = np.random.default_rng(seed)
    anchors, targets = random_boxes(rng, ANCHORS), random_boxes(rng, OBJECTS)
    anchors[:10] = targets[rng.integers(0, OBJECTS, 10)] + rng.normal(scale=0.02, size=(10, 4))
    losses = rng.uniform(0, 4, (OBJECTS, ANCHORS)).astype(np.float32)
    valid = rng.random(OBJECTS) < 0.7
    targets[~valid] = np.nan
    got = assign(*map(jnp.asarray, (anchors, losses, targets, valid)))
    classes, index = naive(anchors, losses, np.where(valid[:, None], targets, 0), valid)
    np.testing.assert_array_equal(np.where(got.positive, 1, np.where(got.negative, 0, -1)), classes)
    np.testing.assert_array_equal(got.index[classes == 1], index[classes == 1])
    assert set(index[classes == 1]) == set(np.flatnonzero(valid))


def test_without_objects_every_anchor_is_background():
    rng = np.random.default_rng(0)
    arrays = random_boxes(rng, ANCHORS), np.zeros((OBJECTS, ANCHORS)), random_boxes(rng, OBJECTS)
    got = assign(*map(jnp.asarray, arrays), jnp.zeros(OBJECTS, bool))
    assert got.negative.all() and not got.positive.any()


def test_every_object_finds_an_anchor_of_its_own_where_none_fits():
    anchors = random_boxes(np.random.default_rng(0), ANCHORS)
    targets = np.float32([[5, 5, 6, 6]] * OBJECTS)
    losses = jnp.zeros((OBJECTS, ANCHORS))
    got = assign(jnp.asarray(anchors), losses, jnp.asarray(targets), jnp.ones(OBJECTS, bool))
    assert sorted(np.asarray(got.index)[np.asarray(got.positive)].tolist()) == list(range(OBJECTS))
