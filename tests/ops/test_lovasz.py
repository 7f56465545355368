"""The Lovász hinge beside its definition."""

import jax
import numpy as np

from ovis_jax.ops.lovasz import lovasz_hinge


def naive_hinge(logits, targets):
    """Errors in descending order, each times what its pixel adds to 1 - IoU; in float64."""
    errors = 1 - logits * np.where(targets, 1, -1)
    total, before, wrong = 0.0, 0.0, np.zeros(len(targets), bool)
    for i in np.argsort(-errors):
        wrong[i] = True
        found = targets ^ wrong
        loss = 1 - (targets & found).sum() / (targets | found).sum()
        total += max(errors[i], 0) * (loss - before)
        before = loss
    return total


def test_the_hinge_follows_its_definition():
    rng = np.random.default_rng(0)
    for share in (0.0, 0.3, 1.0):
        logits, targets = rng.normal(size=30), rng.random(30) < share
        got = lovasz_hinge(np.float32(logits), targets)
        np.testing.assert_allclose(got, naive_hinge(logits, targets), rtol=1e-5)


def test_a_mask_that_is_told_with_a_margin_costs_nothing():
    targets = np.arange(12).reshape(3, 4) % 3 == 0
    logits = np.where(targets, 1.5, -1.5).astype(np.float32)
    value, gradient = jax.jit(jax.value_and_grad(lovasz_hinge))(logits, targets)
    assert value == 0 and not gradient.any()
