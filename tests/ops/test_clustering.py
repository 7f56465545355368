"""Greedy clustering of pixels, beside a sequential twin."""

import functools

import jax
import numpy as np
import pytest

from ovis_jax.ops.clustering import (
    BACKGROUND,
    FARTHEST,
    NEAREST,
    NONE,
    OUTLIER,
    ClusterRules,
    cluster_pixels,
)

PIXELS, SIZE = 60, 3


def naive_clusters(embeddings, bandwidths, seediness, foreground, rules):
    """The published order of things, pixel by pixel, in float64."""
    labels = np.where(foreground, OUTLIER, BACKGROUND)
    distances, left = [], []
    for number in range(rules.max_clusters):
        left = [i for i in range(len(labels)) if labels[i] == OUTLIER]
        if not left:
            break
        seed = max(left, key=lambda i: (seediness[i], -i))
        if seediness[seed] < rules.min_seediness:
            break
        squares = bandwidths[seed] * (embeddings - embeddings[seed]) ** 2
        distances.append(np.sqrt(squares.sum(axis=1)))
        for i in left:
            if np.exp(-distances[-1][i] / 2) > rules.threshold:
                labels[i] = number
    if not rules.stale_at_limit:
        left = [i for i in left if labels[i] == OUTLIER]
    choose = {FARTHEST: np.argmax, NEAREST: np.argmin}.get(rules.second_pass)
    for i in left if choose and distances else []:
        own = np.array([x[i] for x in distances])
        if np.exp(-own[choose(own)] / 2) > rules.second_threshold:
            labels[i] = choose(own)
    return labels


def pixels(seed):
    rng = np.random.default_rng(seed)
    return (
        rng.normal(size=(PIXELS, SIZE)).astype(np.float32),
        rng.uniform(0.5, 4, (PIXELS, SIZE)).astype(np.float32),
        rng.uniform(0.4, 1, PIXELS).astype(np.float32),
        rng.random(PIXELS) < 0.8,
    )


@functools.cache
def program(rules):
    return jax.jit(functools.partial(cluster_pixels, rules=rules))


@pytest.mark.parametrize("second_pass", [FARTHEST, NEAREST, NONE])
@pytest.mark.parametrize("stale", [True, False])
def test_clusters_follow_their_definition(second_pass, stale):
    rules = ClusterRules(
        max_clusters=6,
        min_seediness=0.5,
        second_threshold=0.2,
        second_pass=second_pass,
        stale_at_limit=stale,
    )
    for seed in range(8):
        own = pixels(seed)
        np.testing.assert_array_equal(program(rules)(*own), naive_clusters(*own, rules))


def test_the_published_ways_give_other_labels_than_the_mended_ones():
    """Of what was chosen here the options decide."""
    published = dict(max_clusters=4, min_seediness=0.5, second_threshold=0.1)
    mended = [{"second_pass": NEAREST}, {"stale_at_limit": False}]
    own = pixels(3)
    want = program(ClusterRules(**published))(*own)
    for change in mended:
        assert (program(ClusterRules(**published, **change))(*own) != want).any()


def test_without_a_seed_all_foreground_is_outlier():
    embeddings, bandwidths, seediness, foreground = pixels(0)
    got = program(ClusterRules())(embeddings, bandwidths, 0.79 * seediness, foreground)
    np.testing.assert_array_equal(got, np.where(foreground, OUTLIER, BACKGROUND))


def test_what_is_said_of_background_changes_nothing():
    embeddings, bandwidths, seediness, foreground = pixels(1)
    want = program(ClusterRules(min_seediness=0.5))(embeddings, bandwidths, seediness, foreground)
    outside = ~foreground
    embeddings[outside], bandwidths[outside], seediness[outside] = np.nan, np.nan, 1
    got = program(ClusterRules(min_seediness=0.5))(embeddings, bandwidths, seediness, foreground)
    np.testing.assert_array_equal(got, want)


def test_an_unknown_second_pass_is_named():
    with pytest.raises(ValueError, match="second_pass is 'closest'"):
        ClusterRules(second_pass="closest")
