"""Draws pseudo-videos at random: which objects move how, and what passes in front of them."""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.data.pseudo.clip import PseudoClip, Still
from ovis_jax.data.pseudo.motion import (
    Motion,
    draw_transforms,
    mirror_transform,
    view_transform,
)
from ovis_jax.data.pseudo.paste import Pasting, draw_count, draw_place
from ovis_jax.data.pseudo.stills import CocoStills
from ovis_jax.data.transforms import FrameGeometry


@dataclasses.dataclass(frozen=True)
class ClipSettings:
    """What a clip is drawn from.

    Attributes:
      geometry: of the frames.
      length: T, number of frames.
      motion: range of the motion.
      pasting: of other objects over those of the image.
      flip_probability: that the whole clip is mirrored.
    """

    geometry: FrameGeometry
    length: int
    motion: Motion
    pasting: Pasting
    flip_probability: float

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of the frames in pixels."""
        return self.geometry.width, self.geometry.height


def draw_clip(
    rng: np.random.Generator,
    stills: CocoStills,
    loaded: tuple[Still, np.ndarray],
    settings: ClipSettings,
) -> tuple[PseudoClip, np.ndarray]:
    """Draws a clip.

    Args:
      rng: decides everything.
      stills: where pasted objects are cut out.
      loaded: the picture, as `stills.load` gives it.
      settings: see above.

    Returns:
      The clip, and [N + P] int32: the label of each of its objects.

    Raises:
      InputError: the image of a pasted object cannot be used.
    """
    still, labels = loaded
    height, width = still.image.shape[:2]
    start = view_transform((width, height), settings.geometry)
    if rng.random() < settings.flip_probability:
        start = mirror_transform(settings.size[0]) @ start
    moves = draw_transforms(rng, settings.motion, settings.length, *settings.size)
    cutouts, places, pasted_labels = [], [], []
    for _ in range(draw_count(rng, settings.pasting)):
        hidden = still.masks[rng.integers(len(still.masks))]
        pasted = stills.draw_cutout(rng)
        if pasted is None or not hidden.any():
            continue
        cutout, label = pasted
        cutouts.append(cutout)
        places.append(draw_place(rng, settings.pasting, cutout, hidden, settings.length))
        pasted_labels.append(label)
    clip = PseudoClip(still, moves @ start, cutouts, places)
    return clip, np.concatenate([labels, np.array(pasted_labels, np.int32)])
