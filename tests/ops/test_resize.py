"""Resizing of feature maps."""

import cv2
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from golden_folder import golden_arrays
from models.naive_deeplab import between_corners

from ovis_jax.ops.resize import (
    gather_levels,
    resample_grid,
    resize_bilinear,
    resize_corners,
    resize_nearest,
    resize_trilinear,
    upsample_aligned,
    upsample_nearest_2x,
)


def naive_resize(x, height, width):
    """The definition, cell by cell, in float64."""
    old = np.array(x.shape[:2])
    out = np.zeros((height, width, x.shape[2]))
    for index in np.ndindex(height, width):
        position = (np.array(index) + 0.5) * old / (height, width) - 0.5
        position = np.clip(position, 0, old - 1)
        low = np.floor(position).astype(int)
        high = np.minimum(low + 1, old - 1)
        y, x_share = position - low
        top = (1 - x_share) * x[low[0], low[1]] + x_share * x[low[0], high[1]]
        bottom = (1 - x_share) * x[high[0], low[1]] + x_share * x[high[0], high[1]]
        out[index] = (1 - y) * top + y * bottom
    return out


def naive_resample(x, new):
    """One axis of PyTorch's antialiased bicubic resampling, cell by cell."""
    old = len(x)
    stretch = max(old / new, 1)
    out = np.zeros((new, *x.shape[1:]))
    for i in range(new):
        weights = []
        for j in range(old):
            d = abs((j + 0.5 - (i + 0.5) * old / new) / stretch)
            near, far = 1.5 * d**3 - 2.5 * d**2 + 1, -0.5 * d**3 + 2.5 * d**2 - 4 * d + 2
            weights.append(near if d < 1 else far if d < 2 else 0)
        out[i] = np.tensordot(np.array(weights) / sum(weights), x, 1)
    return out


@pytest.mark.parametrize("height, width", [(5, 7), (10, 14), (3, 9), (2, 2)])
def test_tables_are_resampled_as_by_pytorchs_antialiased_bicubic(height, width):
    x = np.random.default_rng(0).normal(size=(5, 7, 3))
    got = resample_grid(jnp.asarray(x, jnp.float32), height, width)
    want = naive_resample(x, height).swapaxes(0, 1)
    want = naive_resample(want, width).swapaxes(0, 1)
    np.testing.assert_allclose(got, want, atol=1e-5)


SIZES = [(5, 7), (10, 14), (13, 9), (2, 3), (1, 1)]


@pytest.mark.parametrize("height, width", SIZES)
def test_bilinear_resize_follows_its_definition_and_opencv(height, width):
    x = np.random.default_rng(0).normal(size=(5, 7, 3)).astype(np.float32)
    got = resize_bilinear(jnp.asarray(x), height, width)
    np.testing.assert_allclose(got, naive_resize(x.astype(np.float64), height, width), atol=1e-5)
    opencv = cv2.resize(x, (width, height), interpolation=cv2.INTER_LINEAR)
    np.testing.assert_allclose(got, opencv, atol=1e-5)


@pytest.mark.parametrize("height, width", SIZES)
def test_corners_keep_their_values_and_others_lie_between(height, width):
    x = np.random.default_rng(0).normal(size=(5, 7, 3)).astype(np.float32)
    got = resize_corners(jnp.asarray(x), height, width)
    np.testing.assert_allclose(got, between_corners(np.float64(x), height, width), atol=1e-5)
    np.testing.assert_allclose(got[0, 0], x[0, 0], atol=1e-6)
    if min(height, width) > 1:
        np.testing.assert_allclose(got[-1, -1], x[-1, -1], atol=1e-6)


def test_a_constant_map_stays_constant_and_keeps_its_type():
    got = resize_bilinear(jnp.full((2, 4, 6, 1), 3, jnp.bfloat16), 9, 5)
    assert got.dtype == jnp.bfloat16
    np.testing.assert_array_equal(got.astype(np.float32), 3)


def test_nearest_upsampling_repeats_every_cell_and_its_gradient_adds_them():
    x = jnp.arange(12.0).reshape(1, 2, 3, 2)
    up, pullback = jax.vjp(upsample_nearest_2x, x)
    for row, column in np.ndindex(4, 6):
        np.testing.assert_array_equal(up[:, row, column], x[:, row // 2, column // 2])
    np.testing.assert_array_equal(pullback(jnp.ones_like(up))[0], 4)


def test_gathered_levels_have_the_size_of_the_first_one_and_keep_their_order():
    rng = np.random.default_rng(0)
    levels = [rng.normal(size=(2, *size, 3)) for size in ((6, 8), (3, 4), (2, 2))]
    got = gather_levels([jnp.asarray(x) for x in levels])
    assert got.shape == (2, 6, 8, 9)
    np.testing.assert_allclose(got[..., :3], levels[0], rtol=1e-6)
    np.testing.assert_allclose(got[1, ..., 6:], naive_resize(levels[2][1], 6, 8), atol=1e-5)


def naive_aligned(x, factor):
    """Pad right and below, resize with the corners aligned, pad left and above, cut; float64."""
    height, width = x.shape
    padded = np.pad(x.astype(np.float64), (0, 1), mode="edge")
    large = np.zeros((factor * height + 1, factor * width + 1))
    for row, column in np.ndindex(large.shape):
        (y, y_share), (x_, x_share) = divmod(row / factor, 1), divmod(column / factor, 1)
        block = np.pad(padded, (0, 1), mode="edge")[int(y) : int(y) + 2, int(x_) : int(x_) + 2]
        large[row, column] = [1 - y_share, y_share] @ block @ [1 - x_share, x_share]
    first = factor // 2
    return np.pad(large, (first, 0), mode="edge")[: factor * height, : factor * width]


@pytest.mark.parametrize("factor", [1, 2, 3, 4])
def test_aligned_enlargement_follows_its_definition(factor):
    x = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    got = upsample_aligned(jnp.asarray(x)[..., None], factor)[..., 0]
    np.testing.assert_allclose(got, naive_aligned(x, factor), atol=1e-6)


def test_aligned_enlargement_keeps_every_value_in_its_place():
    x = np.random.default_rng(0).normal(size=(3, 5, 1)).astype(np.float32)
    for factor in (2, 3, 4):
        got = upsample_aligned(jnp.asarray(x), factor)
        np.testing.assert_array_equal(got[factor // 2 :: factor, factor // 2 :: factor], x)


@pytest.mark.parametrize("factor", [2, 4, 8])
def test_aligned_enlargement_is_the_recorded_one(factor):
    ops = golden_arrays("crossvis", "ops.npz")
    got = upsample_aligned(jnp.moveaxis(ops["aligned/x"], 0, -1), factor)
    np.testing.assert_allclose(jnp.moveaxis(got, -1, 0), ops[f"aligned/x{factor}"], atol=1e-5)


@pytest.mark.parametrize("frames", [2, 4, 3, 1])
def test_clips_are_mixed_in_time_as_maps_are_in_space(frames):
    x = np.random.default_rng(0).normal(size=(2, 2, 3, 4, 5)).astype(np.float32)
    got = jax.jit(resize_trilinear, static_argnums=(1, 2, 3))(x, frames, 6, 4)
    assert got.shape == (2, frames, 6, 4, 5)
    in_time = np.stack([[naive_resize(line, frames, 3) for line in own] for own in in_lines(x)])
    in_time = np.moveaxis(in_time, 1, 3)  # [B, frames, h, w, C]
    want = np.stack([[naive_resize(frame, 6, 4) for frame in own] for own in in_time])
    np.testing.assert_allclose(got, want, atol=1e-5)


def in_lines(x):
    """[B, T, h, w, C] to one map [T, h, C] for each column: [B, w, T, h, C]."""
    return np.moveaxis(x, 3, 1)


@pytest.mark.parametrize("size", [(6, 10), (3, 5), (7, 4), (1, 2)])
def test_nearest_cells_are_those_whose_share_of_the_map_is_reached(size):
    x = np.random.default_rng(0).normal(size=(3, 5, 2)).astype(np.float32)
    height, width = size
    want = x[np.arange(height) * 3 // height][:, np.arange(width) * 5 // width]
    np.testing.assert_array_equal(resize_nearest(jnp.asarray(x), height, width), want)
