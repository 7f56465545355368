"""Masks of tracks as pixels, for tests that count them one by one."""

import numpy as np

from ovis_jax.formats import rle


def masks(segmentations) -> np.ndarray:
    """[T, H, W] bool."""
    frames = [segmentations[frame] for frame in range(len(segmentations))]
    empty = np.zeros(segmentations.size, bool)
    return np.stack([empty if own is None else rle.decode(own).astype(bool) for own in frames])


def iou(first: np.ndarray, second: np.ndarray) -> float:
    """Of two arrays of pixels; 0 if both are empty."""
    union = (first | second).sum()
    return (first & second).sum() / union if union else 0.0
