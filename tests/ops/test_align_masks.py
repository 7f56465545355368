"""Mask targets over continuous boxes, beside a loop over bins and samples in float64."""

import jax
import numpy as np

from ovis_jax.ops.align_masks import align_masks

HEIGHT, WIDTH, SIZE = 21, 32, 4
MASK_SIZE = (20, 29)  # of the canvas the rest is padding
BOXES = np.array(
    [
        [[3.2, 4.1, 17.9, 12.6], [-6.0, -3.0, 8.5, 30.0]],
        [[0.0, 0.0, 40.0, 40.0], [5.0, 6.0, 5.9, 6.2]],
        [[25.0, 3.0, 60.0, 9.0], [7.0, 8.0, 7.0, 15.0]],  # across the border; without a width
    ],
    np.float32,
)


def naive_mean(mask, box):
    """One box on one mask."""
    height, width = MASK_SIZE
    x1, y1, x2, y2 = np.clip(np.float64(box), 0, [width, height, width, height])
    rows, columns = (int(np.ceil((b - a) / SIZE)) for a, b in ((y1, y2), (x1, x2)))
    out = np.zeros((SIZE, SIZE))

    def corners(position, length):
        position = min(max(position, 0), length - 1)
        low = int(position)
        return [(low, 1 - position + low), (min(low + 1, length - 1), position - low)]

    for i, j, s, t in np.ndindex(SIZE, SIZE, rows, columns):
        y = y1 - 0.5 + (i + (s + 0.5) / rows) * (y2 - y1) / SIZE
        x = x1 - 0.5 + (j + (t + 0.5) / columns) * (x2 - x1) / SIZE
        for row, a in corners(y, height):
            for column, b in corners(x, width):
                out[i, j] += a * b * mask[row, column] / (rows * columns)
    return out


def test_bins_average_samples_as_often_as_their_boxes_have_pixels():
    masks = np.random.default_rng(0).random((2, HEIGHT, WIDTH)) < 0.5
    masks[:, MASK_SIZE[0] :], masks[:, :, MASK_SIZE[1] :] = True, True  # padding is not read
    run = jax.jit(align_masks, static_argnums=3)
    got = run(np.packbits(masks, axis=-1), BOXES, np.array(MASK_SIZE), SIZE)
    assert got.shape == (3, 2, SIZE, SIZE)
    for s, n in np.ndindex(3, 2):
        np.testing.assert_allclose(got[s, n], naive_mean(masks[n], BOXES[s, n]), atol=1e-5)
    assert not got[2, 1].any()
