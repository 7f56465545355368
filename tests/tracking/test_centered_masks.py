"""Masks over a canvas on which the frame is centred, against a loop in float64."""

import jax.numpy as jnp
import numpy as np

from ovis_jax.formats import rle
from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.centered_masks import cubic, paste_centered
from ovis_jax.tracking.paste import OriginalFrame

FRAME = OriginalFrame(height=21, width=30, scale=16 / 30)  # on a canvas of 8x16 pixels


def objects(logits):
    count = len(logits)
    nothing = np.zeros((count, 4), np.float32)
    return FrameOutput(
        ids=np.arange(count),
        scores=np.ones(count),
        labels=np.zeros(count, int),
        boxes=nothing,
        mask_logits=logits,
        mask_boxes=nothing,
        valid=np.ones(count, bool),
        overflow=jnp.zeros((), int),
    )


def naive(probs):
    out = np.zeros((FRAME.height, FRAME.width))
    for y, x in np.ndindex(out.shape):
        column = ((x - FRAME.width / 2) * FRAME.scale + 16 / 2) / 4
        row = ((y - FRAME.height / 2) * FRAME.scale + 8 / 2) / 4
        for v, u in np.ndindex(probs.shape):
            out[y, x] += (
                cubic(np.array(abs(row - v))) * cubic(np.array(abs(column - u))) * probs[v, u]
            )
    return out


def test_masks_follow_their_definition():
    logits = np.random.default_rng(0).normal(0, 4, (5, 2, 4)).astype(np.float32)
    masks = paste_centered(objects(logits), FRAME)
    for mask, own in zip(masks, logits, strict=True):
        want = naive(1 / (1 + np.exp(-own.astype(np.float64))))
        clear = np.abs(want - 0.5) > 1e-5
        np.testing.assert_array_equal(rle.decode(mask).astype(bool)[clear], want[clear] > 0.5)


def test_weights_of_a_pixel_add_up_to_one_and_reach_two_cells():
    for place in (0.0, 0.3, 0.5, 0.99):
        weights = cubic(np.abs(place - np.arange(-3, 5)))
        np.testing.assert_allclose(weights.sum(), 1)
        assert (weights != 0).sum() <= 4
    assert cubic(np.array([0.0, 1, 2, 3])).tolist() == [1, 0, 0, 0]


def test_no_object_is_no_mask_and_a_faint_one_is_empty():
    assert paste_centered(objects(np.zeros((0, 2, 4), np.float32)), FRAME) == []
    (mask,) = paste_centered(objects(np.full((1, 2, 4), -200, np.float32)), FRAME)
    assert not rle.decode(mask).any()
