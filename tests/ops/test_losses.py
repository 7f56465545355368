import jax
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from ovis_jax.ops.losses import dice, linear_dice, prob_cross_entropy, sigmoid_focal, smooth_l1


@settings(deadline=None)
@given(error=st.floats(-5, 5, width=32), beta=st.sampled_from([1 / 9, 0.5, 1.0]))
def test_smooth_l1_follows_its_definition(error, beta):
    want = error**2 / (2 * beta) if abs(error) < beta else abs(error) - beta / 2
    np.testing.assert_allclose(smooth_l1(np.float32(error), beta), want, rtol=1e-5, atol=1e-7)


@settings(deadline=None)
@given(error=st.floats(-5, 5, width=32))
def test_gradient_of_smooth_l1_is_the_error_up_to_one(error):
    gradient = jax.grad(smooth_l1)(np.float32(error), 1.0)
    np.testing.assert_allclose(gradient, np.clip(error, -1, 1), atol=1e-6)


def test_smooth_l1_is_elementwise():
    error = np.linspace(-2, 2, 24, dtype=np.float32).reshape(2, 3, 4)
    assert smooth_l1(error, 1.0).shape == (2, 3, 4)


@settings(deadline=None)
@given(logit=st.floats(-8, 8, width=32), target=st.booleans(), gamma=st.sampled_from([0.0, 2.0]))
def test_focal_loss_follows_its_definition(logit, target, gamma):
    prob = 1 / (1 + np.exp(-float(logit)))
    own, weight = (prob, 0.25) if target else (1 - prob, 0.75)
    want = -weight * (1 - own) ** gamma * np.log(own)
    got = sigmoid_focal(np.float32(logit), np.bool_(target), 0.25, gamma)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-9)


def test_focal_loss_of_extreme_logits_has_a_finite_gradient():
    logits, targets = np.float32([-200, 200, -200, 200]), np.array([True, True, False, False])
    gradient = jax.grad(lambda x: sigmoid_focal(x, targets, 0.25, 2.0).sum())(logits)
    np.testing.assert_allclose(gradient, [-0.25, 0, 0, 0.75], atol=1e-6)


def test_dice_follows_its_definition():
    rng = np.random.default_rng(0)
    probs, targets = rng.random((3, 4, 5)).astype(np.float32), rng.random((3, 4, 5)) < 0.4
    for p, g, got in zip(probs.astype(np.float64), targets, dice(probs, targets), strict=True):
        want = 1 - 2 * np.sum(p * g) / (np.sum(p * p) + np.sum(g) + 1e-5)
        np.testing.assert_allclose(got, want, rtol=1e-5)


def test_dice_of_empty_masks_is_one_with_a_finite_gradient():
    empty = np.zeros((4, 5), np.float32)
    value, gradient = jax.value_and_grad(dice)(empty, empty)
    assert value == 1 and np.isfinite(gradient).all()
    np.testing.assert_allclose(dice(empty + 1, empty + 1), 0, atol=1e-5)


@settings(deadline=None)
@given(prob=st.floats(0.0009765625, 0.9990234375, width=32), target=st.booleans())
def test_cross_entropy_of_probabilities_follows_its_definition(prob, target):
    want = -np.log(prob if target else 1 - prob)
    got = prob_cross_entropy(np.float32(prob), target)
    # 1 - prob is rounded to the numbers next to 1, which its logarithm passes on as it is.
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=np.finfo(np.float32).eps)


def test_a_wrong_certainty_costs_100_and_has_no_gradient():
    probs, targets = np.float32([0, 1, 0, 1]), np.array([True, False, False, True])
    assert prob_cross_entropy(probs, targets).tolist() == [100, 100, 0, 0]
    gradient = jax.grad(lambda x: prob_cross_entropy(x, targets).sum())(probs)
    assert gradient[:2].tolist() == [0, 0] and np.isfinite(gradient).all()


def test_linear_dice_follows_its_definition_and_is_0_of_two_empty_masks():
    rng = np.random.default_rng(0)
    probs, targets = rng.uniform(size=(3, 20)), rng.uniform(size=(3, 20)) > 0.5
    want = 1 - (2 * (probs * targets).sum(-1) + 1) / (probs.sum(-1) + targets.sum(-1) + 1)
    np.testing.assert_allclose(linear_dice(probs, targets), want, rtol=1e-5)
    assert linear_dice(np.zeros(20), np.zeros(20)) == 0
