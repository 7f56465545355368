"""A block of Swin beside a loop over its windows in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.special import erf

from ovis_jax.models.backbones.swin import NORM_EPSILON, SwinBlock

WINDOW, HEADS, CHANNELS = 3, 2, 4


def naive(params: dict, x: np.ndarray, shifts: tuple[int, int], pad_first: bool) -> np.ndarray:
    """A block on one map [H, W, C]; every query looks at the keys of its window one by one."""
    height, width, channels = x.shape
    back = tuple(-shift for shift in shifts)
    y = norm(params["norm1"], x)
    y = np.roll(padded(y), back, (0, 1)) if pad_first else padded(np.roll(y, back, (0, 1)))
    attention, size = params["attention"], channels // HEADS
    query, key, value = np.split(dense(attention["qkv"], y), 3, axis=-1)
    mixed = np.zeros_like(y)
    for a in np.ndindex(y.shape[:2]):
        keys = [b for b in np.ndindex(y.shape[:2]) if together(a, b, y.shape, shifts)]
        for head in range(HEADS):
            own = slice(head * size, (head + 1) * size)
            logits = [
                query[a][own] @ key[b][own] / np.sqrt(size)
                + attention["position_bias"][position(a, b), head]
                for b in keys
            ]
            probs = np.exp(logits - np.max(logits))
            probs /= probs.sum()
            mixed[a][own] = sum(p * value[b][own] for p, b in zip(probs, keys, strict=True))
    y = dense(attention["projection"], mixed)
    if pad_first:
        x = x + np.roll(y, shifts, (0, 1))[:height, :width]
    else:
        x = x + np.roll(y[:height, :width], shifts, (0, 1))
    y = dense(params["expand"], norm(params["norm2"], x))
    return x + dense(params["reduce"], y * (1 + erf(y / np.sqrt(2))) / 2)


def padded(x: np.ndarray) -> np.ndarray:
    return np.pad(x, [(0, -side % WINDOW) for side in x.shape[:2]] + [(0, 0)])


def together(a, b, shape, shifts) -> bool:
    """Whether two cells share a window and neither came round the border alone."""
    return all(
        i // WINDOW == j // WINDOW and (i >= side - shift) == (j >= side - shift)
        for i, j, side, shift in zip(a, b, shape[:2], shifts, strict=True)
    )


def position(a, b) -> int:
    """Row of the table of biases."""
    row, column = (i % WINDOW - j % WINDOW + WINDOW - 1 for i, j in zip(a, b, strict=True))
    return row * (2 * WINDOW - 1) + column


def norm(params, x):
    x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + NORM_EPSILON)
    return x * params["scale"] + params["bias"]


def dense(params, x):
    return x @ params["kernel"] + params["bias"]


@pytest.mark.parametrize(
    ("size", "shifted", "borders", "shifts"),
    [
        ((5, 7), False, "torchvision", (0, 0)),
        ((5, 7), True, "torchvision", (1, 1)),
        ((3, 4), True, "torchvision", (0, 1)),  # a single window from top to bottom
        ((3, 4), True, "mmdetection", (1, 1)),
        ((5, 7), True, "timm", (1, 1)),
        ((3, 4), True, "timm", (0, 1)),
    ],
)
def test_a_block_follows_its_definition(size, shifted, borders, shifts):
    block = SwinBlock(HEADS, WINDOW, shifted, borders)
    rng = np.random.default_rng(0)
    x = rng.normal(size=(*size, CHANNELS))
    shapes = jax.eval_shape(block.init, jax.random.key(0), jnp.asarray(x[None]))["params"]
    params = jax.tree.map(lambda s: rng.normal(0, 0.7, s.shape), shapes)
    as_float32 = jax.tree.map(lambda p: jnp.asarray(p, jnp.float32), params)
    got = jax.jit(block.apply)({"params": as_float32}, jnp.asarray(x[None], jnp.float32))[0]
    want = naive(params, x, shifts, pad_first=borders != "timm")
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4)
