"""The head of occlusion levels: its loss, and what its levels change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.models.heads.occlusion_level import OcclusionLevelHead

FACTORS = (1.0, 0.75, 0.5)


def draw(seed, shape):
    return np.random.default_rng(seed).normal(size=shape)


@given(st.integers(0, 99), st.floats(0.1, 5))
def test_the_loss_is_the_mean_cross_entropy_of_the_labelled_positives(seed, weight):
    rng = np.random.default_rng(seed)
    logits, levels = rng.normal(size=(2, 6, 3)), rng.integers(-1, 3, (2, 6))
    counts = rng.random((2, 6)) < 0.6
    loss, accuracies = OcclusionLevelHead(loss_weight=weight).loss(
        jnp.array(logits, jnp.float32), jnp.array(levels), jnp.array(counts)
    )
    each, right = [], {0: [], 1: [], 2: []}
    for own, level in zip(logits[counts], levels[counts], strict=True):
        if level >= 0:
            each.append(np.log(np.exp(own).sum()) - own[level])
            right[level].append(own.argmax() == level)
    assert loss.value == pytest.approx(weight * np.mean(each) if each else 0, rel=1e-5)
    for level, name in enumerate(("no", "slight", "severe")):
        found = accuracies[f"occlusion_accuracy_{name}"]
        assert (found.total, found.count) == (sum(right[level]), len(right[level]))


def test_rois_without_a_label_get_no_gradient_whatever_they_hold():
    logits = jnp.array(draw(0, (4, 3))).at[0].set(jnp.nan)
    levels, counts = jnp.array([10**6, -1, 2, 1]), jnp.array([False, True, True, False])

    def total(logits):
        return OcclusionLevelHead().loss(logits, levels, counts)[0].value

    value, gradient = jax.value_and_grad(total)(logits)
    assert np.isfinite(value)
    np.testing.assert_array_equal(np.any(gradient != 0, axis=-1), [False, False, True, False])


def test_scores_are_multiplied_with_the_expected_factor_and_stay_scores():
    logits = jnp.array(draw(1, (5, 3)), jnp.float32)
    scores = jnp.array([0.9, 0.5, 0.2, 0.0, 1.0])
    found = OcclusionLevelHead(score_factors=FACTORS).rescored(scores, logits)
    probs = np.exp(np.float64(logits)) / np.exp(np.float64(logits)).sum(-1, keepdims=True)
    np.testing.assert_allclose(found, scores * (probs @ FACTORS), rtol=1e-5)
    more = OcclusionLevelHead(score_factors=(1.0, 2.0, 9.0)).rescored(scores, logits)
    assert (more >= scores).all() and more.max() == 1
    assert OcclusionLevelHead(score_factors=FACTORS).rescores
    assert not OcclusionLevelHead().rescores


@given(st.integers(0, 99), st.floats(0.1, 8))
def test_references_weigh_less_where_the_object_is_hidden(seed, sharpness):
    logits, exists = jnp.array(draw(seed, (4, 5, 3)), jnp.float32), jnp.array([1, 0, 1, 1])
    logits = logits.at[1].set(jnp.nan)  # of a frame that does not exist
    head = OcclusionLevelHead(reference_sharpness=sharpness)
    found = np.array(head.reference_weights(logits, exists / 3))
    np.testing.assert_allclose(found.sum(axis=0), 1, rtol=1e-5)
    assert not found[1].any()
    severity = np.array(jax.nn.softmax(logits))[[0, 2, 3]] @ [0, 0.5, 1]
    for own, hidden in zip(found[[0, 2, 3]].T, severity.T, strict=True):
        want = np.exp(-sharpness * hidden)
        np.testing.assert_allclose(own, want / want.sum(), rtol=1e-4)
