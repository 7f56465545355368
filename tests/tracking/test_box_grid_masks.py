"""Masks of grids over continuous boxes, beside a loop over the pixels."""

import numpy as np
import pytest

from ovis_jax.formats import rle
from ovis_jax.structures import FrameOutput
from ovis_jax.tracking.box_grid_masks import paste_box_grids
from ovis_jax.tracking.paste import OriginalFrame

HEIGHT, WIDTH, CELLS = 24, 30, 5
FRAME = OriginalFrame(HEIGHT, WIDTH, 1.0)


def objects(logits, boxes) -> FrameOutput:
    count = len(boxes)
    return FrameOutput(
        ids=np.arange(count),
        scores=np.ones(count),
        labels=np.zeros(count, int),
        boxes=np.float32(boxes),
        mask_logits=np.float32(logits),
        mask_boxes=np.float32(boxes),
        valid=np.ones(count, bool),
        overflow=np.zeros(()),
    )


def naive_probability(probs, box, x, y):
    """At the centre of a pixel."""
    x1, y1, x2, y2 = box
    column, row = (x + 0.5 - x1) / (x2 - x1) * CELLS, (y + 0.5 - y1) / (y2 - y1) * CELLS
    column, row = column - 0.5, row - 0.5
    total = 0.0
    for i in range(CELLS):
        for j in range(CELLS):
            total += probs[i, j] * max(0, 1 - abs(row - i)) * max(0, 1 - abs(column - j))
    return total


@pytest.mark.parametrize(
    "box",
    [
        (3.3, 4.7, 20.1, 15.2),
        (-10.5, -4.0, 50.0, 40.0),
        (25.0, 20.0, 60.0, 50.0),
        (8.2, 9.1, 8.9, 9.7),
    ],
)
def test_every_pixel_is_inside_from_one_half_on(box):
    logits = np.random.default_rng(0).normal(0.5, 2, size=(CELLS, CELLS)).astype(np.float32)
    (mask,) = paste_box_grids(objects(logits[None], [box]), FRAME)
    probs = 1 / (1 + np.exp(-np.float64(logits)))
    want = np.array(
        [[naive_probability(probs, box, x, y) for x in range(WIDTH)] for y in range(HEIGHT)]
    )
    certain = np.abs(want - 0.5) > 1e-5
    np.testing.assert_array_equal(rle.decode(mask).astype(bool)[certain], (want >= 0.5)[certain])


def test_a_probability_of_one_half_is_inside():
    (mask,) = paste_box_grids(objects(np.zeros((1, CELLS, CELLS)), [(0, 0, 20, 20)]), FRAME)
    decoded = rle.decode(mask)
    assert decoded[10, 10] == 1 and decoded[23, 29] == 0


@pytest.mark.parametrize("box", [(40, 2, 60, 9), (-9, 3, -2, 9), (5, 5, 5, 9), (9, 9, 4, 4)])
def test_boxes_outside_of_the_frame_or_without_a_side_have_an_empty_mask(box):
    (mask,) = paste_box_grids(objects(np.full((1, CELLS, CELLS), 9.0), [box]), FRAME)
    assert mask["size"] == [HEIGHT, WIDTH] and not rle.decode(mask).any()


def test_masks_of_no_objects_are_none():
    assert paste_box_grids(objects(np.zeros((0, CELLS, CELLS)), np.zeros((0, 4))), FRAME) == []
