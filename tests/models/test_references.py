"""The references of a query, and means over what they give."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ovis_jax.models.heads.subregion_mask import MIN_PROB, mean_mask_logits
from ovis_jax.models.references import (
    calibrate_window,
    mean_masks,
    mean_probs,
    query_features,
    weighted_mean,
    window_references,
)
from ovis_jax.structures import Window


def window(valid):
    """Frame t holds the number t, and NaN where it does not exist."""
    frames = np.where(valid, np.arange(len(valid)), np.nan)
    return Window(
        features=(jnp.asarray(frames, jnp.float32)[:, None, None, None],),
        valid=jnp.asarray(valid),
        image_size=jnp.array([8, 8]),
        scale=jnp.float32(1),
    )


def sigmoid(x):
    return 1 / (1 + np.exp(-np.asarray(x, np.float64)))


@given(before=st.integers(1, 4), after=st.integers(1, 4), missing=st.sets(st.integers(0, 8)))
def test_references_are_all_frames_but_the_query_and_weigh_the_same(before, after, missing):
    valid = [t == before or t not in missing for t in range(before + 1 + after)]
    (level,), weights = window_references(window(valid), before)
    others = [t for t, exists in enumerate(valid) if exists and t != before] or [before]
    assert level[weights > 0].ravel().tolist() == others
    np.testing.assert_allclose(weights[weights > 0], 1 / len(others), rtol=1e-6)
    assert not level[weights == 0].any()


def test_a_window_of_one_frame_is_its_own_reference():
    (level,), weights = window_references(window([True]), 0)
    assert level.ravel().tolist() == [0] and weights.tolist() == [1]


def test_features_are_any_tree_of_arrays():
    plain = window([False, True, True])
    (level,) = plain.features
    tree = {"maps": [level], "vectors": level[:, 0, 0]}
    references, weights = window_references(plain.replace(features=tree), 1)
    assert (
        references["maps"][0].ravel().tolist() == references["vectors"].ravel().tolist() == [0, 2]
    )
    assert weights.tolist() == [0, 1]
    query = query_features(plain.replace(features=tree), 1)
    assert query["maps"][0].shape == (1, 1, 1, 1) and query["vectors"].tolist() == [[1]]


def test_a_window_is_calibrated_reference_by_reference_or_not_at_all():
    def calibration(query, reference):
        return tuple(10 * q + r for q, r in zip(query, reference, strict=True))

    around = window([True, True, True])
    (level,), weights = calibrate_window(calibration, around, 1)
    assert level.ravel().tolist() == [10, 12] and weights.tolist() == [0.5, 0.5]
    (level,), weights = calibrate_window(None, around, 1)
    assert level.ravel().tolist() == [1] and weights.tolist() == [1]


def test_what_weighs_nothing_may_be_anything():
    x = jnp.array([[1.0, 2.0], [np.nan, np.inf], [3.0, 6.0]])
    assert weighted_mean(x, jnp.array([0.25, 0, 0.75])).tolist() == [2.5, 5.0]


LOGITS, WEIGHTS = np.float32([[-3.0, 1.0], [2.0, 9.0], [np.nan, 0]]), np.float32([0.5, 0.5, 0])
MEANS = {"logits": sigmoid(LOGITS[:2].mean(0)), "probs": sigmoid(LOGITS[:2]).mean(0)}


@pytest.mark.parametrize("average", MEANS)
def test_probabilities_are_averaged_before_or_after_the_sigmoid(average):
    got = mean_probs(jnp.asarray(LOGITS), jnp.asarray(WEIGHTS), average)
    np.testing.assert_allclose(got, MEANS[average], rtol=1e-6)


@pytest.mark.parametrize("average", MEANS)
def test_masks_are_averaged_inside_their_boxes_and_end_there(average):
    basis = np.tile(LOGITS[:, None, None, 1:], (1, 4, 6, 1))  # [F, h, w, 1]
    ones, box = np.ones((3, 1, 4, 1), np.float32), np.float32([[1, 0, 3, 10]])
    masks = mean_mask_logits(basis, ones, box, WEIGHTS, average)
    probs = sigmoid(masks[0])
    np.testing.assert_allclose(probs[:, 1:3], MEANS[average][1], rtol=1e-5)
    np.testing.assert_allclose(probs[:, [0, 3, 4, 5]], MIN_PROB, rtol=1e-4)


def test_masks_that_references_draw_are_averaged_as_probabilities():
    drawn = np.float32([[-40.0, 1.0, 30.0], [-42.0, 9.0, 32.0], [np.nan, 0, np.inf]])
    offset = np.float32([0, 1, 2])
    got = mean_masks(lambda x, more: x + more, (drawn, offset), WEIGHTS)
    logits = (drawn + offset[:, None])[:2].astype(np.float64)
    inside, outside = sigmoid(logits).mean(0), sigmoid(-logits).mean(0)
    np.testing.assert_allclose(got, np.log(inside) - np.log(outside), rtol=1e-5)
    alone = mean_masks(lambda x: x, (drawn[:1],), np.ones(1))
    np.testing.assert_array_equal(alone, drawn[0])
