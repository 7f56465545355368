"""Where pasted objects go: in front of others, whose occlusion then changes during the clip."""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.data.pseudo.clip import Cutout

_MAX_ENLARGEMENT = 2.0  # beyond it a pasted object is visibly blurred


@dataclasses.dataclass(frozen=True)
class Pasting:
    """How objects are pasted over others.

    Attributes:
      probability: that anything is pasted.
      max_objects: from 1 to this number are.
      size: least and greatest side of the pasted object, relative to the one that it hides.
      travel: greatest way during the clip, relative to the sides of the hidden object.
    """

    probability: float
    max_objects: int
    size: tuple[float, float]
    travel: float


NOTHING = Pasting(probability=0.0, max_objects=1, size=(1.0, 1.0), travel=0.0)


def draw_count(rng: np.random.Generator, pasting: Pasting) -> int:
    """How many objects are pasted."""
    if rng.random() >= pasting.probability:
        return 0
    return int(rng.integers(1, pasting.max_objects + 1))


def cut_out(image: np.ndarray, mask: np.ndarray) -> Cutout:
    """Cuts an object out of [h, w, 3] `image`; [h, w] bool `mask` has at least one pixel."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    part = (slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1))
    framed = np.pad(mask[part], 1)  # so that the edge fades on all sides
    return Cutout(np.pad(image[part], ((1, 1), (1, 1), (0, 0)), mode="edge"), framed)


def draw_place(
    rng: np.random.Generator, pasting: Pasting, cutout: Cutout, hidden: np.ndarray, length: int
) -> np.ndarray:
    """Moves a cutout past an object.

    At one moment of the clip, drawn at random, the middle of the cutout is within the object's box.

    Args:
      rng: draws size, mirroring, way and moment.
      pasting: the ranges.
      cutout: what is pasted.
      hidden: [h, w] bool, the object of the still image; at least one pixel.
      length: T, number of frames.

    Returns:
      [T, 3, 3]: from pixels of the cutout to pixels of the still image.
    """
    rows, columns = np.flatnonzero(hidden.any(axis=1)), np.flatnonzero(hidden.any(axis=0))
    corner = np.array([columns[0], rows[0]])
    sides = np.array([columns[-1], rows[-1]]) + 1 - corner
    relative = np.exp(rng.uniform(*np.log(pasting.size)))
    factor = relative * np.sqrt(hidden.sum() / cutout.mask.sum())
    factor = min(factor, _MAX_ENLARGEMENT)
    linear = factor * np.diag([rng.choice([-1.0, 1.0]), 1.0])
    way = rng.uniform(-1, 1, 2) * pasting.travel * sides
    moments = np.linspace(0, 1, length) - rng.random()
    centers = corner + rng.random(2) * (sides - 1) + moments[:, None] * way
    middle = (np.array(cutout.mask.shape[::-1]) - 1) / 2
    transforms = np.tile(np.eye(3), (length, 1, 1))
    transforms[:, :2, :2] = linear
    transforms[:, :2, 2] = centers - linear @ middle
    return transforms
