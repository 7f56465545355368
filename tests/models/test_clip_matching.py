"""Which query stands for which object of a clip, beside the rule written out in numpy."""

import jax.numpy as jnp
import numpy as np
import pytest
import scipy.optimize
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.models.clip_matching import (
    LAST_FRAME,
    CostWeights,
    clip_objects,
    match_clip,
    matching_costs,
)
from ovis_jax.models.heads.query_masks import QueryMasks
from ovis_jax.structures import Instances

FRAMES, SLOTS, QUERIES, CLASSES = 3, 4, 5, 3
POINTS = jnp.asarray(np.random.default_rng(7).random((16, 2)), jnp.float32)


def random_clip(seed):
    """Objects in any slots of the frames, with poisoned empty slots."""
    rng = np.random.default_rng(seed)
    identities = np.full((FRAMES, SLOTS), 99)
    valid = rng.random((FRAMES, SLOTS)) < 0.6
    for frame in range(FRAMES):
        identities[frame] = rng.permutation([11, 12, 13, 14])
    labels = np.where(valid, identities % CLASSES, 10**6)
    masks = np.packbits(rng.random((FRAMES, SLOTS, 8, 16)) < 0.5, axis=-1)
    masks = np.where(valid[..., None, None], masks, 255)
    return Instances(np.zeros((FRAMES, SLOTS, 4)), labels, identities, masks, valid)


def random_predictions(seed):
    rng = np.random.default_rng(seed + 1)
    return QueryMasks(
        jnp.asarray(rng.normal(size=(FRAMES, QUERIES, CLASSES + 1)), jnp.float32),
        jnp.asarray(rng.normal(size=(FRAMES, QUERIES, 2, 4)), jnp.float32),
    )


def first_appearances(instances):
    """Identities in the order of their first appearance."""
    seen = []
    for frame in range(FRAMES):
        for slot in range(SLOTS):
            own = instances.identities[frame, slot]
            if instances.valid[frame, slot] and own not in seen:
                seen.append(own)
    return seen


@settings(max_examples=25)
@given(st.integers(0, 2**16))
def test_objects_stand_in_the_order_of_their_first_appearance(seed):
    instances = random_clip(seed)
    objects = clip_objects(instances, CLASSES)
    seen = first_appearances(instances)
    assert objects.valid.tolist() == [i < len(seen) for i in range(SLOTS)]
    assert objects.labels[: len(seen)].tolist() == [identity % CLASSES for identity in seen]
    for number, identity in enumerate(seen):
        for frame in range(FRAMES):
            slot = list(instances.identities[frame]).index(identity)
            there = bool(instances.valid[frame, slot])
            assert bool(objects.visible[frame, number]) == there
            want = instances.masks[frame, slot] if there else 0
            np.testing.assert_array_equal(objects.masks[frame, number], want)


@settings(max_examples=25)
@given(st.integers(0, 2**16))
def test_new_objects_get_free_queries_frame_by_frame_at_the_least_cost(seed):
    objects, said = clip_objects(random_clip(seed), CLASSES), random_predictions(seed)
    costs = np.asarray(matching_costs(said, objects, POINTS, CostWeights()))
    pairs = {}
    for frame in range(FRAMES):
        new = [m for m in range(SLOTS) if objects.visible[frame, m] and m not in pairs]
        free = [q for q in range(QUERIES) if q not in pairs.values()]
        rows, columns = scipy.optimize.linear_sum_assignment(costs[frame][np.ix_(free, new)])
        pairs |= {new[c]: free[r] for r, c in zip(rows, columns, strict=True)}
    query, matched = match_clip(said, objects, POINTS, CostWeights())
    assert {m: int(query[m]) for m in range(SLOTS) if matched[m]} == pairs


def test_objects_that_the_last_frame_lacks_have_a_wrong_class_as_published():
    instances = random_clip(3)
    objects = clip_objects(instances, CLASSES, LAST_FRAME)
    absent = np.asarray(objects.valid & ~objects.visible[-1])
    assert absent.any() and not absent[np.asarray(objects.valid)].all()
    own = clip_objects(instances, CLASSES)
    np.testing.assert_array_equal(objects.labels, np.where(absent, CLASSES - 1, own.labels))
    np.testing.assert_array_equal(objects.matched_labels, np.where(absent, CLASSES, own.labels))


def test_objects_without_a_slot_are_counted():
    instances = random_clip(0)
    identities = np.arange(FRAMES * SLOTS).reshape(FRAMES, SLOTS)
    instances = instances.replace(identities=identities, valid=np.ones((FRAMES, SLOTS), bool))
    objects = clip_objects(instances.replace(labels=identities % CLASSES), CLASSES)
    assert objects.lost == FRAMES * SLOTS - SLOTS and objects.valid.all()


def test_more_objects_than_queries_leave_some_without():
    instances = random_clip(0)
    identities = np.broadcast_to(np.arange(SLOTS), (FRAMES, SLOTS))
    instances = instances.replace(
        identities=identities, labels=identities % CLASSES, valid=np.ones((FRAMES, SLOTS), bool)
    )
    said = random_predictions(0)
    few = QueryMasks(said.class_logits[:, :2], said.mask_logits[:, :2])
    query, matched = match_clip(few, clip_objects(instances, CLASSES), POINTS, CostWeights())
    assert matched.sum() == 2 and sorted(np.asarray(query)[np.asarray(matched)]) == [0, 1]


@pytest.mark.parametrize("seed", range(2))
def test_a_clip_without_objects_matches_nothing(seed):
    instances = random_clip(seed)
    empty = instances.replace(valid=np.zeros((FRAMES, SLOTS), bool))
    objects = clip_objects(empty, CLASSES)
    _, matched = match_clip(random_predictions(seed), objects, POINTS, CostWeights())
    assert not matched.any() and not objects.valid.any()
