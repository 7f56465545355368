"""Random annotations and results for properties that always hold."""

import numpy as np

from tests.evaluation.tracks import annotations, instance, random_masks, rectangle, result

FRAMES = 3
LEVELS = ("no_occlusion", "slight_occlusion", "severe_occlusion")


def random_scene(seed: int) -> tuple:
    """Annotations, and results with scores that all differ."""
    random = np.random.default_rng(seed)
    objects = [
        instance(
            number,
            random_masks(random, FRAMES) | rectangle(number % 9, 0, 2, 2, frames=FRAMES),
            video=int(random.integers(1, 3)),
            category=int(random.integers(1, 3)),
            crowd=random.random() < 0.1,
            occlusion=tuple(random.choice(LEVELS, FRAMES)),
        )
        for number in range(1, 9)
    ]
    scores = random.permutation(20) / 20
    tracks = [
        result(
            random_masks(random, FRAMES) if random.random() < 0.5 else _masks(random, objects),
            score,
            video=int(random.integers(1, 3)),
            category=int(random.integers(1, 3)),
        )
        for score in scores.tolist()
    ]
    return annotations(objects, FRAMES), tracks


def _masks(random: np.random.Generator, objects: list) -> np.ndarray:
    """Masks of some object."""
    chosen = objects[random.integers(len(objects))]
    return np.stack([chosen.mask(frame) for frame in range(FRAMES)]).astype(bool)
