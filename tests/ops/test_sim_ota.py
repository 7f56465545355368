"""SimOTA beside the same rule written query by query."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.ops.sim_ota import QueryBoxes, query_costs, sim_ota

QUERIES, OBJECTS, CLASSES = 12, 4, 3


def scene(seed, crowd):
    """Queries and objects; in a crowd all objects want the same few queries."""
    rng = np.random.default_rng(seed)
    centers = rng.uniform(0.2, 0.8, (OBJECTS, 2))
    centers = 0.5 + 0.01 * (centers - 0.5) if crowd else centers
    objects = np.concatenate([centers, rng.uniform(0.1, 0.4, (OBJECTS, 2))], axis=1)
    queries = objects[rng.integers(0, OBJECTS, QUERIES)] + rng.normal(0, 0.05, (QUERIES, 4))
    queries[:, 2:] = np.abs(queries[:, 2:])
    if crowd:
        queries[2:, :2] += 5  # far away
    probs = rng.uniform(0.01, 0.99, (QUERIES, CLASSES))
    return [np.float32(x) for x in (probs, queries, objects)], rng.integers(0, CLASSES, OBJECTS)


def naive(costs, overlaps, best):
    """Matched pairs and the cheapest query of each object, as sets and loops."""
    costs = costs.copy()
    num_queries, num_objects = costs.shape
    matched = np.zeros(costs.shape, bool)
    for n in range(num_objects):
        count = max(int(np.sort(overlaps[:, n])[::-1][:best].sum()), 1)
        matched[np.argsort(costs[:, n], kind="stable")[:count], n] = True
    contested = [q for q in range(num_queries) if matched[q].sum() > 1]
    for q in contested:
        matched[q] = np.arange(num_objects) == costs[q].argmin()
    rounds = 0
    while not matched.any(axis=0).all() and rounds < num_objects:
        without = [n for n in range(num_objects) if not matched[:, n].any()]
        costs[matched.any(axis=1)] += np.float32(1e5)
        for n in without:
            matched[costs[:, n].argmin(), n] = True
        if (matched.sum(axis=1) > 1).any():
            for q in contested:
                matched[q] = np.arange(num_objects) == costs[q].argmin()
        rounds += 1
    return matched, np.where(matched, costs, np.inf).argmin(axis=0), rounds


def inputs(seed, crowd):
    (probs, queries, objects), labels = scene(seed, crowd)
    boxes = [QueryBoxes.of(jnp.asarray(x)) for x in (queries, objects)]
    return jnp.asarray(probs), boxes[0], jnp.asarray(labels), boxes[1]


@pytest.fixture(scope="module")
def assign():
    return jax.jit(sim_ota, static_argnames="best")


@pytest.mark.parametrize("crowd", [False, True])
def test_it_follows_its_rule_also_where_objects_are_left_without_a_query(assign, crowd):
    repaired = 0
    for seed in range(8):
        given, valid = inputs(seed, crowd), jnp.ones(OBJECTS, bool)
        found = assign(*given, valid)
        costs, overlaps = map(np.asarray, query_costs(*given, valid))
        matched, query, rounds = naive(costs, overlaps, 10)
        np.testing.assert_array_equal(found.matched, matched)
        np.testing.assert_array_equal(found.query, query)
        repaired += rounds
    assert (repaired > 0) == crowd


def test_costs_follow_their_definition():
    given, valid = inputs(0, False), np.array([True, True, True, False])
    costs, overlaps = query_costs(*given, jnp.asarray(valid))
    (probs, queries, objects), labels = scene(0, False)
    for q, n in np.ndindex(QUERIES, OBJECTS - 1):
        x, y, w, h = np.float64(queries[q])
        corners = [(c - s / 2, c + s / 2) for c, s in ((x, w), (y, h))]
        inside = [
            [(c - s / 2, c + s / 2) for c, s in ((o[0], o[2]), (o[1], o[3]))] for o in objects
        ]
        shared = np.prod(
            [
                max(min(a[1], b[1]) - max(a[0], b[0]), 0)
                for a, b in zip(corners, inside[n], strict=True)
            ]
        )
        hull = np.prod(
            [max(a[1], b[1]) - min(a[0], b[0]) for a, b in zip(corners, inside[n], strict=True)]
        )
        union = w * h + objects[n, 2] * objects[n, 3] - shared
        p = np.float64(probs[q, labels[n]])
        focal = -0.25 * (1 - p) ** 2 * np.log(p) + 0.75 * p**2 * np.log(1 - p)
        within = [all(a < c < b for (a, b), c in zip(box, (x, y), strict=True)) for box in inside]
        close = [np.abs(o[:2] - (x, y)).max() < 2.5 / 32 for o in objects]
        want = focal - 3 * (shared / union - (hull - union) / hull)
        want += 100 * (not (within[n] and close[n]))
        want += 10000 * (not any((within[i] or close[i]) for i in range(OBJECTS - 1)))
        np.testing.assert_allclose(costs[q, n], want, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(overlaps[q, n], shared / union, atol=1e-5)


def test_objects_that_do_not_exist_have_no_query_and_change_nothing(assign):
    probs, queries, labels, objects = inputs(1, False)
    valid = jnp.array([True, False, True, False])
    found = assign(probs, queries, labels, objects, valid)
    kept = jax.tree.map(lambda x: x[np.array([0, 2])], (labels, objects))
    alone = assign(probs, queries, *kept, jnp.ones(2, bool))
    np.testing.assert_array_equal(found.matched[:, [0, 2]], alone.matched)
    assert not found.matched[:, [1, 3]].any()
    nobody = assign(probs, queries, labels, objects, jnp.zeros(OBJECTS, bool))
    assert not nobody.matched.any()
