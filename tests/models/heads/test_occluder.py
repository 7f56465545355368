"""The occluder branch: what it is taught, and how its errors count."""

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.models.heads.mask import mask_targets
from ovis_jax.models.heads.occluder import OccluderBranch, occluder_loss, occluder_targets

BOXES = np.array([[2, 3, 25, 20], [10, 0, 30, 14], [0, 0, 31, 23], [5, 5, 6, 6]], np.float32)
INDEX = np.array([0, 2, 1, 3], np.int32)


def masks(seed=0) -> np.ndarray:
    """Five objects as [5, 24, 32] bool that overlap; the last stands in an invalid slot."""
    rng = np.random.default_rng(seed)
    found = np.zeros((5, 24, 32), bool)
    for each in found:
        y, x = rng.integers(0, 12, 2)
        each[y : y + 10, x : x + 14] = True
    return found


def packed(found):
    return jnp.asarray(np.packbits(found, axis=-1))


def test_targets_are_cut_out_of_all_other_valid_objects():
    found, valid = masks(), np.array([True, True, True, True, False])
    cut = jax.jit(occluder_targets, static_argnums=4)
    got = cut(packed(found), jnp.asarray(valid), BOXES, INDEX, 8)
    union = [found[[n for n in range(4) if n != own]].any(0) for own in range(4)]
    want = jax.jit(mask_targets, static_argnums=3)(packed(np.array(union)), BOXES, INDEX, 8)
    np.testing.assert_array_equal(got, want)
    assert 0 < got.mean() < 1


def test_positives_with_an_occluder_count_and_as_many_of_the_first():
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(2, 5, 3, 3))
    targets = (rng.uniform(size=(2, 5, 3, 3)) > 0.5).astype(np.float64)
    targets[0, [0, 2]] = targets[1] = 0  # image 0: slots 1 and 3 are covered, 4 is not positive
    positive = np.array([[True, True, True, True, False], [True, True, False, False, False]])
    logits[~positive] = np.nan
    weights = np.array([[1, 2, 0, 1, 0], [0, 0, 0, 0, 0]])

    def entropy(x, y):
        return np.mean(np.log1p(np.exp(-np.abs(x))) + np.maximum(x, 0) - x * y)

    want = sum(
        weights[b, r] * entropy(logits[b, r], targets[b, r])
        for b, r in np.ndindex(2, 5)
        if weights[b, r]
    )

    def loss(logits, targets, positive):
        mean = occluder_loss(logits, targets, positive)
        return mean.total, mean.count

    loss = jax.jit(jax.value_and_grad(loss, has_aux=True))
    (got, count), gradient = loss(jnp.asarray(logits), jnp.asarray(targets), positive)
    np.testing.assert_allclose(got, want, rtol=1e-5)
    assert count == 4
    np.testing.assert_array_equal(np.abs(gradient).sum((-2, -1)) > 0, weights > 0)


def test_without_occluders_there_is_no_loss():
    arrays = np.ones((1, 2, 3, 3)), np.zeros((1, 2, 3, 3)), np.ones((1, 2), bool)
    loss = jax.jit(occluder_loss)(*arrays)
    assert loss.total == 0 and loss.count == 0


def test_the_mask_head_reads_what_the_branch_adds_to_the_features():
    branch = OccluderBranch(num_convs=1, norm="group")
    features = jax.random.normal(jax.random.key(0), (1, 2, 4, 4, 8))
    (shared, logits), variables = jax.jit(branch.init_with_output)(jax.random.key(1), features)
    assert shared.shape == features.shape and logits.shape == (1, 2, 8, 8)
    assert (shared >= features).all() and (shared > features).any()
    assert set(variables["params"]) == {"conv0", "upsample", "logits"}
