"""Colour jitter as CornerNet has it: brightness, contrast and saturation in any order; lighting."""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.data.augment.settings import Jitter

# Principal components of ImageNet's colours, in units of 255: deviations, and the RGB directions
# in the columns, as CornerNet gives them (for BGR).
_DEVIATIONS = np.array([0.2141788, 0.01817699, 0.00341571])
_DIRECTIONS = np.array(
    [
        [-0.56089297, 0.71832671, 0.41158938],
        [-0.58327470, 0.00994535, -0.81221408],
        [-0.58752847, -0.69563484, 0.41340352],
    ]
)
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # of RGB, as OpenCV mixes it
_STEPS = ("brightness", "contrast", "saturation")


@dataclasses.dataclass(frozen=True)
class ColorChange:
    """What was drawn for a clip.

    Attributes:
      steps: names and factors of brightness, contrast and saturation, in their order.
      shift: added to R, G and B at last, in units of 255.
    """

    steps: tuple[tuple[str, float], ...]
    shift: tuple[float, float, float]


def draw_colors(rng: np.random.Generator, jitter: Jitter) -> ColorChange | None:
    """Draws the change of a clip; None, and no draw, if nothing is to be changed."""
    if jitter == Jitter():
        return None
    order = [_STEPS[place] for place in rng.permutation(len(_STEPS))]
    steps = [(name, 1 + rng.uniform(-1, 1) * getattr(jitter, name)) for name in order]
    shift = _DIRECTIONS @ (_DEVIATIONS * rng.normal(0, 1, 3) * jitter.lighting)
    return ColorChange(tuple(steps), tuple(shift.tolist()))


def change_colors(image: np.ndarray, change: ColorChange | None) -> np.ndarray:
    """Changes a frame, [h, w, 3] uint8 RGB; values are rounded and limited once, at the end.

    The greys are those of the frame as it comes, whatever comes before contrast and saturation.
    Source: CornerNet's code, whose frames stay real numbers.
    """
    if change is None:
        return image
    pixels = image.astype(np.float32)
    grey = pixels @ _GREY
    middles = {"brightness": np.float32(0), "contrast": grey.mean(), "saturation": grey[..., None]}
    for name, factor in change.steps:
        pixels = pixels * np.float32(factor) + middles[name] * np.float32(1 - factor)
    pixels += np.float32(255) * np.float32(change.shift)
    return np.rint(np.clip(pixels, 0, 255)).astype(np.uint8)
