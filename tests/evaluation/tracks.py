"""Small annotations and results for tests, without files."""

import numpy as np

from ovis_jax.formats import rle
from ovis_jax.formats.annotations import Annotations, Category, Instance, Video
from ovis_jax.formats.results import TrackResult
from ovis_jax.formats.segmentations import Segmentations

HEIGHT, WIDTH = 12, 16


def segmentations(masks: np.ndarray) -> Segmentations:
    """A track from masks [T, HEIGHT, WIDTH] bool; frames without a pixel have no mask."""
    counts = [rle.encode(mask)["counts"] if mask.any() else None for mask in masks]
    return Segmentations((HEIGHT, WIDTH), counts, masks.sum((1, 2)).astype(np.int64))


def instance(number, masks, *, video=1, category=1, crowd=False, occlusion="no_occlusion"):
    """An object; `occlusion` is the level of all frames, a tuple of levels, or None."""
    areas = masks.sum((1, 2)).astype(float)
    levels = (occlusion,) * len(masks) if isinstance(occlusion, str) else occlusion
    boxes = np.full((len(masks), 4), np.nan)
    return Instance(number, video, category, crowd, segmentations(masks), boxes, areas, levels)


def result(masks, score=0.5, *, video=1, category=1) -> TrackResult:
    """A predicted track."""
    return TrackResult(video, category, score, segmentations(masks))


def annotations(instances, num_frames, *, videos=(1, 2), categories=(1, 2)) -> Annotations:
    """A file's contents with ground truth."""
    return Annotations(
        "gt.json",
        tuple(Video(v, WIDTH, HEIGHT, num_frames, ("",) * num_frames) for v in videos),
        tuple(Category(c, f"kind {c}") for c in categories),
        instances,
        True,
    )


def rectangle(x, y, width, height, *, frames=1) -> np.ndarray:
    """Masks [frames, HEIGHT, WIDTH] bool of a box that stands still."""
    masks = np.zeros((frames, HEIGHT, WIDTH), bool)
    masks[:, y : y + height, x : x + width] = True
    return masks


def random_masks(random: np.random.Generator, frames: int) -> np.ndarray:
    """A box in each frame, [frames, HEIGHT, WIDTH] bool; now and then there is none."""
    masks = np.zeros((frames, HEIGHT, WIDTH), bool)
    for frame in range(frames):
        x, y = random.integers(WIDTH - 3), random.integers(HEIGHT - 3)
        if random.random() < 0.8:
            masks[frame, y : y + random.integers(1, 8), x : x + random.integers(1, 8)] = True
    return masks
