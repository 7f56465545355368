"""Grids over the canvas become masks of the original frame: step by step, and at once."""

import cv2
import jax.numpy as jnp
import numpy as np
import pytest

from ovis_jax.formats import rle
from ovis_jax.ops.resize import upsample_aligned
from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.aligned_masks import paste_aligned
from ovis_jax.tracking.canvas_grids import GRID_STRIDE
from ovis_jax.tracking.paste import OriginalFrame


def objects(logits) -> FrameOutput:
    count = len(logits)
    return FrameOutput(
        ids=np.arange(count),
        scores=np.ones(count),
        labels=np.zeros(count, int),
        boxes=np.zeros((count, 4)),
        mask_logits=logits,
        mask_boxes=np.zeros((count, 4)),
        valid=np.ones(count, bool),
        overflow=np.zeros(()),
    )


def step_by_step(logits, resized, original):
    """Enlarge, cut, resize: probabilities in the original frame."""
    probs = 1 / (1 + np.exp(-logits.astype(np.float64)))
    large = upsample_aligned(jnp.asarray(probs, jnp.float32)[..., None], GRID_STRIDE)[..., 0]
    cut = np.asarray(large)[:, : resized[0], : resized[1]]
    return np.stack([cv2.resize(x, original[::-1], interpolation=cv2.INTER_LINEAR) for x in cut])


@pytest.mark.parametrize(
    ("resized", "original"), [((28, 44), (56, 88)), ((27, 41), (61, 70)), ((32, 48), (20, 30))]
)
def test_masks_are_those_of_the_steps_one_after_the_other(resized, original):
    rng = np.random.default_rng(0)
    noise = np.stack([cv2.GaussianBlur(rng.normal(size=(8, 12)), (0, 0), s) for s in (0.5, 1, 2)])
    logits = (20 * noise).astype(np.float32)
    scale = np.float32([resized[1] / original[1], resized[0] / original[0]])
    masks = paste_aligned(objects(logits), OriginalFrame(*original, scale))
    for mask, probs in zip(masks, step_by_step(logits, resized, original), strict=True):
        assert tuple(mask["size"]) == original
        certain = np.abs(probs - 0.5) > 1e-5
        np.testing.assert_array_equal(rle.decode(mask)[certain], (probs > 0.5)[certain])
        assert 0 < rle.decode(mask).sum() < probs.size


def test_full_and_empty_masks_and_no_objects():
    logits = np.stack([np.full((2, 3), 1e4), np.full((2, 3), -1e4)]).astype(np.float32)
    with np.errstate(over="raise", invalid="raise"):
        full, empty = paste_aligned(objects(logits), OriginalFrame(8, 12, np.float32(1.0)))
    assert rle.decode(full).all() and not rle.decode(empty).any()
    assert paste_aligned(objects(logits[:0]), OriginalFrame(8, 12, np.float32(1.0))) == []
