"""Clusters to identities, beside scipy's assignment."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_folder import golden_arrays, golden_json
from scipy.optimize import linear_sum_assignment

from ovis_jax.tracking.stitch import ClipIdentities, StitchRules, no_identities, stitch

FRAMES, SIDE, CLUSTERS, SHARED = 4, 6, 5, 2


@functools.cache
def program(least_iou=0.0):
    return jax.jit(functools.partial(stitch, rules=StitchRules(least_iou)))


def iou(a, b):
    return (a & b).sum() / (a | b).sum()


def naive_stitch(old, new, next_id):
    """Maps of identities [T, h, w] of the shared frames, and clusters of all, to identities."""
    inside = new[: len(old)]
    ids, numbers = np.unique(old[old > 0]), np.unique(inside[inside >= 0])
    table = np.array([[1 - iou(old == i, inside == k) for k in numbers] for i in ids])
    table = table.reshape(len(ids), len(numbers))
    own = {k: next_id + k for k in range(CLUSTERS)}
    own |= {
        int(numbers[k]): int(ids[i]) for i, k in zip(*linear_sum_assignment(table), strict=True)
    }
    late = np.vectorize(lambda k: own[k] if k >= 0 else 0)(new[len(old) :])
    return np.concatenate([np.maximum(old, 0), late]), max(next_id, late.max() + 1)


def maps(seed):
    """Blocks of clusters, of which some are nowhere."""
    rng = np.random.default_rng(seed)
    old = rng.choice([-2, -1, 3, 4, 7, 9], (SHARED, SIDE, SIDE))
    new = rng.choice([-2, -1, 0, 1, 2, 4], (FRAMES, SIDE, SIDE), p=[0.1, 0.1, 0.2, 0.2, 0.2, 0.2])
    new[:SHARED][new[:SHARED] == seed % 3] = -1
    return old, new


def identities(old, next_id):
    """As a record: cluster numbers differ from frame to frame."""
    known = no_identities(FRAMES, (SIDE, SIDE), CLUSTERS)
    clusters, tables = np.array(known.clusters), np.array(known.ids)
    for t, frame in enumerate(old):
        present = np.unique(frame[frame > 0])
        for place, number in enumerate(present):
            slot = (place + t) % CLUSTERS
            clusters[t][frame == number], tables[t, slot] = slot, number
    return ClipIdentities(jnp.asarray(clusters), jnp.asarray(tables), jnp.int32(next_id))


def shown(after):
    clusters, tables = np.asarray(after.clusters), np.asarray(after.ids)
    own = np.stack([ids[np.maximum(x, 0)] for x, ids in zip(clusters, tables, strict=True)])
    return np.where(clusters >= 0, own, 0)


@pytest.mark.parametrize("seed", range(6))
def test_stitching_follows_its_definition(seed):
    old, new = maps(seed)
    shared = jnp.arange(FRAMES) < SHARED
    after = program()(identities(old, 10), jnp.int8(new), shared)
    want, next_id = naive_stitch(old, new, 10)
    np.testing.assert_array_equal(shown(after), want)
    assert after.next_id == next_id


def test_the_first_clip_begins_identities():
    known = no_identities(FRAMES, (SIDE, SIDE), CLUSTERS)
    clusters = np.full((FRAMES, SIDE, SIDE), -2, np.int8)
    clusters[1, 0, 0], clusters[2, 1] = 0, 2
    after = program()(known, jnp.asarray(clusters), jnp.zeros(FRAMES, bool))
    assert set(np.unique(shown(after))) == {0, 1, 3} and after.next_id == 4


def apart():
    """One identity, one cluster, no pixel of both."""
    old = np.zeros((SHARED, SIDE, SIDE), int)
    new = np.full((FRAMES, SIDE, SIDE), -1)
    old[:, 0], new[:, 3] = 7, 1
    return old, new


@pytest.mark.parametrize("least_iou, want", [(0.0, 7), (1e-6, 11)])
def test_clusters_that_share_nothing_go_on_as_published_or_begin(least_iou, want):
    old, new = apart()
    shared = jnp.arange(FRAMES) < SHARED
    after = program(least_iou)(identities(old, 10), jnp.int8(new), shared)
    assert (shown(after)[SHARED:, 3] == want).all()


def test_a_number_that_no_pixel_holds_in_the_end_is_used_again():
    old, new = apart()
    new[SHARED:] = -1  # the new cluster is seen in shared frames only
    after = program(1e-6)(identities(old, 10), jnp.int8(new), jnp.arange(FRAMES) < SHARED)
    assert after.next_id == 10


@pytest.mark.parametrize("name", ["more_new", "more_old", "empty_old"])
def test_recorded_seams(name):
    arrays = golden_arrays("stem_seg", "ops.npz")
    old, new = (arrays[f"stitch_{name}/{kind}"].astype(int) for kind in ("existing", "new"))
    want = golden_json("stem_seg", "ops.json")[f"stitch_{name}"]
    first, size = 20, 10
    known = no_identities(2, (1, len(old)), size)
    known = known.replace(
        clusters=known.clusters.at[0].set(jnp.int8(old)),
        ids=jnp.tile(jnp.arange(size), (2, 1)),
        next_id=jnp.int32(first),
    )
    clusters = jnp.tile(jnp.int8(np.where(new > 0, new - first, -1)), (2, 1, 1))
    ids = np.asarray(program()(known, clusters, jnp.array([True, False])).ids[1])
    numbers = np.unique(new[new > 0])
    pairs = [[int(ids[k - first]), int(k)] for k in numbers if ids[k - first] < first]
    assert sorted(pairs) == sorted(want["pairs"])
    assert [k for k in numbers if ids[k - first] == k] == want["unmatched_new"]
