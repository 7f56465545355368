"""Heads of mask propagation, beside their definition."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.models.heads.propagation import (
    EmbeddingHead,
    PropagationHead,
    SplitSeparableConv,
    object_cues,
    propagation_loss,
)

HEIGHT, WIDTH, CHANNELS, OBJECTS = 4, 5, 3, 3


def naive_conv(x, params, size):
    """Depthwise, pointwise, each with a bias and ReLU, pixel by pixel in float64."""
    radius, kernel = size // 2, np.float64(params["depthwise"]["kernel"])[:, :, 0]
    padded = np.pad(np.float64(x), [(radius, radius), (radius, radius), (0, 0)])
    out = np.zeros(x.shape)
    for y, z in np.ndindex(x.shape[:2]):
        out[y, z] = (padded[y : y + size, z : z + size] * kernel).sum((0, 1))
    out = np.maximum(out + params["depthwise"]["bias"], 0)
    return np.maximum(out @ params["pointwise"]["kernel"] + params["pointwise"]["bias"], 0)


def varied(module, *inputs):
    """Parameters whose biases are not zero."""
    params = jax.jit(module.init)(jax.random.key(0), *inputs)["params"]
    leaves, tree = jax.tree.flatten(params)
    rng = np.random.default_rng(1)
    return tree.unflatten([rng.normal(0, 0.3, x.shape).astype(np.float32) for x in leaves])


def frame(seed=0, channels=CHANNELS):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(HEIGHT, WIDTH, channels)).astype(np.float32)


@pytest.mark.parametrize("size", [3, 7])
def test_the_split_convolution_follows_its_definition(size):
    module, x = SplitSeparableConv(6, size), frame()[None]
    params = varied(module, x)
    got = jax.jit(module.apply)({"params": params}, x)[0]
    np.testing.assert_allclose(got, naive_conv(x[0], params, size), atol=1e-5)


def test_embeddings_are_one_such_convolution():
    module, x = EmbeddingHead(8), frame()[None]
    params = varied(module, x)
    got = jax.jit(module.apply)({"params": params}, x)[0]
    np.testing.assert_allclose(got, naive_conv(x[0], params["conv"], 3), atol=1e-5)


def cues():
    embeddings, reference, before = frame(1), frame(2), frame(3)
    labels = np.random.default_rng(4).integers(0, OBJECTS, (HEIGHT, WIDTH))
    probs = np.random.default_rng(5).dirichlet(np.ones(OBJECTS), (HEIGHT, WIDTH))
    flat = np.broadcast_to(reference.reshape(-1, CHANNELS), (OBJECTS, HEIGHT * WIDTH, CHANNELS))
    known = flat, labels.ravel() == np.arange(OBJECTS)[:, None]
    previous = before, np.float32(probs), probs.argmax(-1)
    return object_cues(embeddings, known, previous, radius=1)


def joined(params):
    """The first convolution over features and cues, from its two parts."""
    parts = [(params[f"{x}_depthwise"], params[f"{x}_pointwise"]) for x in ("features", "cues")]
    deep, point = zip(*parts, strict=True)
    return {
        "depthwise": {
            "kernel": np.concatenate([x["kernel"] for x in deep], axis=-1),
            "bias": np.concatenate([x["bias"] for x in deep]),
        },
        "pointwise": {
            "kernel": np.concatenate([x["kernel"] for x in point]),
            "bias": point[0]["bias"],
        },
    }


def test_objects_share_one_network_and_do_not_see_each_other():
    module, known = PropagationHead(channels=4, num_convs=2), cues()
    frames, both = np.stack([frame(6), frame()]), np.stack([known[::-1], known])
    params = {"params": varied(module, frames, both)}
    run = jax.jit(module.apply)
    logits = run(params, frames, both)
    order = np.array([2, 0, 1])
    np.testing.assert_allclose(
        run(params, frames, both[:, :, :, order]), logits[..., order], atol=1e-5
    )
    logits = logits[1]
    x = np.concatenate([frame(), np.asarray(known)[:, :, 1]], axis=-1)
    for first in (joined(params["params"]), params["params"]["conv1"]):
        x = naive_conv(x, first, 7)
    own = params["params"]["logits"]
    np.testing.assert_allclose(logits[..., 1], (x @ own["kernel"] + own["bias"])[..., 0], atol=1e-4)


def test_cues_stand_in_the_published_order():
    known = np.asarray(cues())
    assert known.shape == (HEIGHT, WIDTH, OBJECTS, 3)
    np.testing.assert_allclose(known[..., 1].sum(-1), 1, atol=1e-6)  # the probabilities
    assert (known[..., 0] < 1).all() and (known[..., 2] == 1).any()  # a window misses objects


@pytest.mark.parametrize("share", [0.15, 0.5, 1.0])
def test_the_loss_is_the_mean_of_the_hardest_pixels_of_the_frame(share):
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(HEIGHT, WIDTH, OBJECTS)), rng.integers(0, OBJECTS, (4, 5))
    inside = np.arange(WIDTH) < np.full((HEIGHT, 1), WIDTH - 1)
    own = np.take_along_axis(logits, labels[..., None], -1)[..., 0]
    entropy = np.sort((np.log(np.exp(logits).sum(-1)) - own)[inside])[::-1]
    want = entropy[: int(share * entropy.size)].mean()
    compute = jax.value_and_grad(propagation_loss)
    got, gradient = compute(jnp.float32(logits), labels, inside, share)
    np.testing.assert_allclose(got, want, rtol=1e-5)
    taught = np.any(np.asarray(gradient) != 0, axis=-1)
    assert taught.sum() == int(share * entropy.size) and not taught[~inside].any()
