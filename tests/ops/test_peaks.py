"""Peaks of heat maps against a loop."""

import jax
import numpy as np

from ovis_jax.ops import peaks as ops

highest_peaks = jax.jit(ops.highest_peaks, static_argnums=1)

HEAT = np.zeros((4, 5, 2), np.float32)
HEAT[1, 1, 0], HEAT[1, 2, 0], HEAT[3, 4, 0] = 0.9, 0.8, 0.4
HEAT[1, 1, 1] = 0.7  # the same cell, another class
HEAT[3, 0, 1] = HEAT[3, 1, 1] = 0.5  # a plateau


def test_peaks_come_in_order_of_height_and_class():
    peaks = highest_peaks(HEAT, 5)
    np.testing.assert_allclose(peaks.scores, [0.9, 0.7, 0.5, 0.5, 0.4])
    np.testing.assert_array_equal(peaks.labels, [0, 1, 1, 1, 0])
    np.testing.assert_array_equal(peaks.cells, [6, 6, 15, 16, 19])


def test_what_is_no_peak_has_height_0_and_fills_the_slots():
    peaks = highest_peaks(HEAT, 60)
    assert len(peaks.scores) == 60 and (peaks.scores[5:] == 0).all()


def test_random_maps_follow_the_definition():
    heat = np.random.default_rng(0).integers(1, 6, (5, 6, 3)).astype(np.float32)
    want = []
    for k, y, x in np.ndindex(3, 5, 6):
        around = heat[max(y - 1, 0) : y + 2, max(x - 1, 0) : x + 2, k]
        if heat[y, x, k] == around.max():
            want.append((-heat[y, x, k], k, y * 6 + x))
    peaks = highest_peaks(heat, len(want))
    found = zip(-peaks.scores, peaks.labels, peaks.cells, strict=True)
    assert [tuple(map(float, own)) for own in found] == sorted(want)
