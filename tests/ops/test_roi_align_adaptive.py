"""RoIAlign with a sample for each cell, against a loop over samples."""

import jax.numpy as jnp
import numpy as np

from ovis_jax.ops.roi_align_adaptive import roi_align_adaptive

SIZE = 3


def naive_sample(features, y, x):
    height, width, channels = features.shape
    if not (-1 <= y <= height and -1 <= x <= width):
        return np.zeros(channels)
    y, x = np.clip(y, 0, height - 1), np.clip(x, 0, width - 1)
    total = np.zeros(channels)
    for row, column in np.ndindex(height, width):
        weight = max(0, 1 - abs(y - row)) * max(0, 1 - abs(x - column))
        total += weight * features[row, column]
    return total


def naive(features, roi):
    x1, y1, x2, y2 = roi.astype(np.float64)
    counts = [max(int(np.ceil((end - start) / SIZE)), 0) for start, end in ((y1, y2), (x1, x2))]
    out = np.zeros((SIZE, SIZE, features.shape[-1]))
    for i, j in np.ndindex(SIZE, SIZE):
        for a, b in np.ndindex(*counts):
            y = y1 - 0.5 + (i + (a + 0.5) / counts[0]) * (y2 - y1) / SIZE
            x = x1 - 0.5 + (j + (b + 0.5) / counts[1]) * (x2 - x1) / SIZE
            out[i, j] += naive_sample(features, y, x) / (counts[0] * counts[1])
    return out


def test_it_follows_its_definition_also_for_regions_that_are_empty_or_turned_round():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(7, 10, 2)).astype(np.float32)
    corners = rng.uniform(0, 1, size=(12, 2, 2)).astype(np.float32) * np.float32([10, 7])
    corners[2:8] = np.sort(corners[2:8], axis=1)
    rois = corners.reshape(-1, 4)
    rois[:2] = (0, 0, 10, 7), (4, 3, 4, 3)
    want = np.stack([naive(features, roi) for roi in rois])
    got = roi_align_adaptive(jnp.asarray(features), jnp.asarray(rois), SIZE)
    np.testing.assert_allclose(got, want, atol=1e-5)
    turned = (rois[:, 2:] <= rois[:, :2]).any(axis=1)
    assert turned[1] and turned[8:].any() and not want[turned].any() and want[~turned].any()
