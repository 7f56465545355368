"""Frames on their canvas, as the network reads them."""

import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.ops.normalise import normalise_frames

MEAN, STD = (123.675, 116.28, 103.53), (58.395, 57.12, 57.375)


def test_pixels_are_normalised_and_the_padding_is_zero_whatever_it_holds():
    frames = np.random.default_rng(0).integers(0, 256, (2, 8, 12, 3), np.uint8)
    sizes = np.array([[8, 12], [5, 7]])
    got = np.asarray(normalise_frames(jnp.asarray(frames), jnp.asarray(sizes), MEAN, STD))
    assert got.dtype == np.float32
    want = (frames.astype(np.float64) - MEAN) / STD
    want[1, 5:], want[1, :, 7:] = 0, 0
    np.testing.assert_allclose(got, want, rtol=1e-6, atol=1e-6)


def test_normalised_frames_are_not_normalised_again():
    with pytest.raises(TypeError, match="float32"):
        normalise_frames(jnp.zeros((1, 4, 4, 3)), jnp.array([[4, 4]]), MEAN, STD)
