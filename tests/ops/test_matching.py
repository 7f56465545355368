"""Distances to objects, beside their definition in numpy."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.ops.matching import global_distances, local_distances, spread_pixels

HEIGHT, WIDTH, SIZE, OBJECTS = 5, 6, 3, 4


def normalised(squares):
    return 2 * (1 / (1 + np.exp(-np.float64(squares))) - 0.5)


def naive_distances(embeddings, pixels):
    """Pixels are (embedding, label) pairs that may be seen from a place (y, x)."""
    out = np.ones((HEIGHT, WIDTH, OBJECTS))
    for y, x in np.ndindex(HEIGHT, WIDTH):
        for own, label in pixels(y, x):
            if label >= 0:
                distance = normalised(((embeddings[y, x] - own) ** 2).sum())
                out[y, x, label] = min(out[y, x, label], distance)
    return out


def inputs(seed=0):
    rng = np.random.default_rng(seed)
    frames = rng.normal(size=(2, HEIGHT, WIDTH, SIZE)).astype(np.float32)
    labels = rng.integers(-1, OBJECTS - 1, (HEIGHT, WIDTH))  # the last object is nowhere
    return *frames, labels


def by_object(reference, labels):
    """All pixels for each object, and which are its own."""
    flat = jnp.broadcast_to(reference.reshape(-1, SIZE), (OBJECTS, HEIGHT * WIDTH, SIZE))
    return flat, labels.ravel() == np.arange(OBJECTS)[:, None]


@pytest.mark.parametrize("chunk", [7, 30, 1024])
def test_global_distances_follow_their_definition(chunk):
    current, reference, labels = inputs()
    got = global_distances(current, *by_object(reference, labels), chunk)
    pairs = list(zip(reference.reshape(-1, SIZE), labels.ravel(), strict=True))
    np.testing.assert_allclose(got, naive_distances(current, lambda y, x: pairs), atol=1e-5)


@pytest.mark.parametrize("radius", [0, 1, 2, 9])
def test_local_distances_follow_their_definition(radius):
    current, previous, labels = inputs()

    def window(y, x):
        rows = range(max(y - radius, 0), min(y + radius + 1, HEIGHT))
        columns = range(max(x - radius, 0), min(x + radius + 1, WIDTH))
        return [(previous[i, j], labels[i, j]) for i in rows for j in columns]

    got = local_distances(current, previous, labels, OBJECTS, radius)
    np.testing.assert_allclose(got, naive_distances(current, window), atol=1e-5)


def test_a_window_over_everything_is_the_whole_frame():
    current, previous, labels = inputs(1)
    everything = global_distances(current, *by_object(previous, labels))
    got = local_distances(current, previous, labels, OBJECTS, radius=max(HEIGHT, WIDTH))
    np.testing.assert_allclose(got, everything, atol=1e-5)


@pytest.mark.parametrize("kind", ["global", "local"])
def test_gradients_are_those_of_the_nearest_pixels(kind):
    current, previous, labels = inputs(2)
    weights = np.random.default_rng(3).normal(size=(HEIGHT, WIDTH, OBJECTS))

    def distances(current, previous):
        if kind == "local":
            return local_distances(current, previous, labels, OBJECTS, radius=1)
        return global_distances(current, *by_object(previous, labels), 8)

    @jax.jit
    def total(current, previous):
        return jnp.sum(weights * distances(current, previous))

    gradient = jax.grad(total, argnums=(0, 1))(current, previous)
    rng, step = np.random.default_rng(4), 1e-2
    for number in range(2):
        direction = np.zeros((2, HEIGHT, WIDTH, SIZE), np.float32)
        direction[number] = rng.normal(size=current.shape)
        ahead = total(current + step * direction[0], previous + step * direction[1])
        behind = total(current - step * direction[0], previous - step * direction[1])
        want = (ahead - behind) / (2 * step)
        got = np.sum(gradient[number] * direction[number])
        np.testing.assert_allclose(got, want, rtol=0.05, atol=0.02)


def test_what_belongs_to_no_object_changes_nothing_and_learns_nothing():
    current, previous, labels = inputs()
    poisoned = np.where(labels[..., None] < 0, 1e3, previous).astype(np.float32)
    want = local_distances(current, previous, labels, OBJECTS, 2)
    np.testing.assert_array_equal(local_distances(current, poisoned, labels, OBJECTS, 2), want)

    def total(previous):
        return jnp.sum(local_distances(current, previous, labels, OBJECTS, 2))

    gradient = jax.grad(total)(jnp.asarray(previous))
    assert np.isfinite(gradient).all() and not np.any(gradient[labels < 0])


def test_of_few_pixels_all_are_taken_and_of_many_evenly_spread_ones():
    inside = np.zeros((3, 40), bool)
    inside[0, [3, 8, 21]] = True
    inside[1, 5:35] = True  # the last object is nowhere
    index, exist = map(np.asarray, spread_pixels(jnp.asarray(inside), 6))
    np.testing.assert_array_equal(exist.sum(-1), [3, 6, 0])
    np.testing.assert_array_equal(index[0, exist[0]], [3, 8, 21])
    own = np.flatnonzero(inside[1])
    np.testing.assert_array_equal(
        index[1], own[np.floor((np.arange(6) + 0.5) * 30 / 6).astype(int)]
    )


def test_with_drawn_shifts_all_pixels_of_an_object_are_taken_equally_often():
    inside = jnp.arange(20)[None] % 2 == 0  # ten of them
    shifts = (jnp.arange(1000) + 0.5) / 1000
    index, _ = jax.vmap(lambda shift: spread_pixels(inside, 4, shift))(shifts)
    counts = np.bincount(np.ravel(index), minlength=20)
    np.testing.assert_array_equal(counts, np.where(inside[0], 400, 0))
