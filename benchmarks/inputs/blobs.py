"""Ragged masks, as people draw them around animals and cars."""

import numpy as np

from ovis_jax.formats import rle


def ragged_mask(random: np.random.Generator, width: int, height: int, largest: float) -> dict:
    """A blob in compressed run lengths, in the middle of a frame, of a radius up to `largest`."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    x -= random.uniform(0.3, 0.7) * width
    y -= random.uniform(0.3, 0.7) * height
    angle, radius = np.arctan2(y, x), random.uniform(100, largest)
    waves = sum(np.sin(k * angle + random.uniform(0, 7)) / k for k in (2, 3, 5, 11, 40))
    return rle.encode(np.hypot(x, y) < radius * (1 + 0.25 * waves))
