"""The decoder of clips."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.models.squeeze_expand import ClipConv, SqueezeConv, SqueezeExpand

CHANNELS = (8, 8, 4, 2)


def pyramid(num_frames, seed=0):
    rng = np.random.default_rng(seed)
    sides = [(8, 8), (4, 4), (2, 2), (1, 1)]
    return tuple(rng.normal(size=(1, num_frames, *side, 4)).astype(np.float32) for side in sides)


@pytest.mark.parametrize("num_frames", [1, 2, 5, 8])
def test_any_number_of_frames_comes_out_as_long_as_it_went_in(num_frames):
    decoder = SqueezeExpand(CHANNELS, groups=2)
    run = functools.partial(decoder.init_with_output, jax.random.key(0))
    out, _ = jax.eval_shape(run, pyramid(num_frames))
    assert out.shape == (1, num_frames, 8, 8, CHANNELS[-1])


def test_the_mean_that_squeezes_counts_zeros_beyond_the_ends():
    x = np.random.default_rng(0).normal(size=(1, 4, 3, 2, 2)).astype(np.float32)
    layer = functools.partial(SqueezeConv, 4, groups=2)
    variables = layer().init(jax.random.key(0), x)
    plain = np.asarray(layer().apply(variables, x))[0]
    padded = np.pad(plain, [(1, 1)] * 3 + [(0, 0)])
    got = layer(squeeze=True).apply(variables, x)[0]
    assert got.shape == (2, 3, 2, 4)
    for t, y, z in np.ndindex(got.shape[:3]):
        want = padded[2 * t : 2 * t + 3, y : y + 3, z : z + 3].sum((0, 1, 2)) / 27
        np.testing.assert_allclose(got[t, y, z], want, atol=1e-5)


def test_frames_of_a_clip_reach_each_other_and_clips_of_a_batch_do_not():
    decoder = SqueezeExpand(CHANNELS, groups=2)
    first = pyramid(4)
    variables = jax.jit(decoder.init)(jax.random.key(0), first)
    run = jax.jit(decoder.apply)
    changed = tuple(x.copy() for x in first)
    changed[3][:, 0] += 1  # the coarsest level of the first frame
    both = tuple(jnp.concatenate([a, b]) for a, b in zip(first, changed, strict=True))
    together = run(variables, both)
    assert np.abs(together[0] - together[1]).max(axis=(1, 2, 3)).min() > 1e-4  # in every frame
    twice = tuple(jnp.concatenate([a, a]) for a in first)
    np.testing.assert_allclose(run(variables, twice)[0], together[0], atol=1e-5)


def test_the_convolution_is_one_over_space_and_time():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2, 3, 4, 5, 2)).astype(np.float32)
    params = {"kernel": rng.normal(size=(3, 3, 3, 2, 3)), "bias": rng.normal(size=3)}
    got = jax.jit(ClipConv(3).apply)({"params": jax.tree.map(np.float32, params)}, x)
    padded = np.pad(x, [(0, 0), *[(1, 1)] * 3, (0, 0)])
    for b, t, i, j in np.ndindex(got.shape[:-1]):
        window = padded[b, t : t + 3, i : i + 3, j : j + 3]
        want = np.tensordot(window, params["kernel"], 4) + params["bias"]
        np.testing.assert_allclose(got[b, t, i, j], want, atol=1e-4)
