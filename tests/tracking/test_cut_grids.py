"""Grids over the canvas, cut to the frame and stretched: step by step, and at once."""

import cv2
import numpy as np
import pytest
from tracking.test_aligned_masks import objects

from ovis_jax.formats import rle
from ovis_jax.tracking.cut_grids import paste_cut_grids
from ovis_jax.tracking.paste import OriginalFrame

CELLS = (8, 12)


@pytest.mark.parametrize(
    ("resized", "original", "kept"),
    [((28, 44), (56, 88), (7, 11)), ((27, 41), (61, 70), (6, 10)), ((32, 48), (20, 30), CELLS)],
)
def test_cells_that_the_frame_covers_in_part_are_left_out(resized, original, kept):
    rng = np.random.default_rng(0)
    noise = np.stack([cv2.GaussianBlur(rng.normal(size=CELLS), (0, 0), s) for s in (0.5, 1, 2)])
    logits = (20 * noise).astype(np.float32)
    scale = np.float32([resized[1] / original[1], resized[0] / original[0]])
    masks = paste_cut_grids(objects(logits), OriginalFrame(*original, scale))
    for mask, own in zip(masks, logits, strict=True):
        probs = 1 / (1 + np.exp(-own[: kept[0], : kept[1]]))
        want = cv2.resize(probs, original[::-1], interpolation=cv2.INTER_LINEAR)
        certain = np.abs(want - 0.5) > 1e-5
        np.testing.assert_array_equal(rle.decode(mask)[certain], (want > 0.5)[certain])
        assert 0 < rle.decode(mask).sum() < want.size


def test_no_objects():
    empty = objects(np.zeros((0, *CELLS), np.float32))
    assert paste_cut_grids(empty, OriginalFrame(8, 12, np.float32(1.0))) == []
