import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.models.batch_norm import RUNNING_STATS
from ovis_jax.models.heads.reid import IdentityClassifier, ReidHead, identity_logits, identity_loss

SIZES = ((4, 6), (2, 3), (1, 2))


def pyramid(rows, seed=0):
    return [
        jax.random.normal(jax.random.key(seed + i), (rows, *size, 8))
        for i, size in enumerate(SIZES)
    ]


def test_statistics_are_those_of_each_level_of_each_frame_and_move_in_their_order():
    head, levels = ReidHead(channels=4, tower_channels=8, num_convs=1), pyramid(4)
    plain = ReidHead(channels=4, tower_channels=8, num_convs=1, norm="none")

    @jax.jit
    def both(key):
        variables = head.init(key, levels)
        params = {name: variables["params"][name] for name in ("tower", "embedding")}
        frames = zip(*(jnp.split(x, 2) for x in levels), strict=True)
        trained = head.apply(variables, list(frames), method="train", mutable=[RUNNING_STATS])
        return *trained, plain.apply({"params": params}, levels)

    got, moved, raw = both(jax.random.key(0))
    raw, starts = np.asarray(raw, np.float64), np.cumsum([0, *(h * w for h, w in SIZES)])
    mean, var, want = np.zeros(4), np.ones(4), np.zeros_like(raw)
    for rows in (slice(0, 2), slice(2, 4)):
        for start, stop in zip(starts[:-1], starts[1:], strict=True):
            own = raw[rows, start:stop].reshape(-1, 4)
            normalised = (own - own.mean(0)) / np.sqrt(own.var(0) + 1e-5)
            want[rows, start:stop] = normalised.reshape(2, -1, 4)
            mean = 0.9 * mean + 0.1 * own.mean(0)
            var = 0.9 * var + 0.1 * own.var(0, ddof=1)
    np.testing.assert_allclose(got, want, atol=1e-4)
    stats = moved[RUNNING_STATS]["batch_norm"]
    np.testing.assert_allclose(stats["mean"], mean, atol=1e-6)
    np.testing.assert_allclose(stats["var"], var, atol=1e-6)


def test_other_norms_are_refused():
    with pytest.raises(ValueError, match="norm is 'group'; expected one of"):
        jax.eval_shape(ReidHead(norm="group").init, jax.random.key(0), pyramid(1))


def classifier(count=5, channels=3):
    rng = np.random.default_rng(0)
    return rng.normal(size=(channels, count)).astype(np.float32), rng.normal(size=count)


def test_embeddings_of_any_length_have_the_same_logits():
    embeddings = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    kernel, bias = classifier()
    unit = embeddings / np.linalg.norm(embeddings, axis=1, keepdims=True)
    want = np.sqrt(2) * np.log(4) * unit @ kernel + bias
    np.testing.assert_allclose(identity_logits(embeddings, kernel, bias), want, rtol=1e-5)
    np.testing.assert_allclose(identity_logits(9 * embeddings, kernel, bias), want, rtol=1e-5)
    zero = jnp.zeros((1, 3))
    np.testing.assert_allclose(identity_logits(zero, kernel, bias)[0], bias, rtol=1e-6)
    gradient = jax.grad(lambda x: identity_logits(x, kernel, bias).sum())(zero)
    assert np.isfinite(gradient).all()


def test_the_loss_is_the_mean_over_positives_and_zero_without():
    embeddings = np.random.default_rng(1).normal(size=(3, 3)).astype(np.float32)
    kernel, bias = classifier()
    identities = np.array([1, 4, 0])

    def loss(positive):
        return identity_loss(
            embeddings, (kernel, bias), identities, jnp.array(positive), alpha=0.25, gamma=2.0
        )

    logits = np.asarray(identity_logits(embeddings, kernel, bias), np.float64)
    probs = 1 / (1 + np.exp(-logits))
    ones = np.eye(5)[identities]
    own = np.where(ones, probs, 1 - probs)
    want = (np.where(ones, 0.25, 0.75) * (1 - own) ** 2 * -np.log(own)).sum(1)
    np.testing.assert_allclose(loss([True, False, True]).value, want[[0, 2]].mean(), rtol=1e-4)
    assert loss([False] * 3).value == 0


def test_a_classifier_of_two_identities_is_refused():
    with pytest.raises(ValueError, match="num_identities is 2; expected at least 3"):
        jax.eval_shape(lambda key: IdentityClassifier(2).init(key, 3), jax.random.key(0))
