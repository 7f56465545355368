"""Draws what the frames of a clip show, and how large; every frame of a clip alike."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import numpy as np

from ovis_jax.data.augment.colors import ColorChange, draw_colors
from ovis_jax.data.augment.settings import AFTER, Augmentation, Cropping, Sizes, Warping
from ovis_jax.data.transforms import (
    EXACT,
    Crop,
    FrameGeometry,
    Resizing,
    frame_geometry,
    is_landscape,
    padded,
    training_geometry,
)

_ATTEMPTS = 10  # at a part of the frame that shows an object
_ANY_LENGTH = 2**31  # a longer side that none reaches


@dataclasses.dataclass(frozen=True)
class View:
    """How all frames of a clip are shown.

    Attributes:
      geometry: sizes, part of the frame and canvas.
      colors: how colours are changed; None: not at all.
    """

    geometry: FrameGeometry
    colors: ColorChange | None = None


@dataclasses.dataclass(frozen=True)
class Views:
    """What the frames of training clips may show.

    Attributes:
      resizing: of frames whose size is not drawn.
      augmentation: what is drawn.
    """

    resizing: Resizing
    augmentation: Augmentation

    def canvas(self, width: int, height: int) -> tuple[int, int]:
        """(height, width) of the one canvas that holds every view of frames of an orientation.

        Args:
          width: of an original frame; likewise `height`.
          height: see `width`.
        """
        largest = largest_size(self.augmentation.sizes, self.resizing.image_scale)
        geometry = training_geometry(width, height, self._resized_to(largest))
        canvas = (geometry.canvas_height, geometry.canvas_width)
        cropping = self.augmentation.cropping
        if cropping.when == AFTER and cropping.probability == 1:
            longest = padded(cropping.sides[1], self.resizing.pad_multiple)
            return min(canvas[0], longest), min(canvas[1], longest)
        return canvas

    def draw(
        self,
        rng: np.random.Generator,
        width: int,
        height: int,
        shows_object: Callable[[FrameGeometry], bool],
    ) -> View:
        """Draws the view of a clip.

        Args:
          rng: decides everything.
          width: of the original frames; likewise `height`.
          height: see `width`.
          shows_object: whether an object is left of the query frame. A part of the frame is drawn
            anew if none is, up to ten times.
        """
        colors = draw_colors(rng, self.augmentation.jitter)
        sides = draw_size(rng, self.augmentation.sizes, self.resizing.image_scale)
        resizing = self._resized_to(sides)
        geometry = frame_geometry(width, height, resizing)
        for geometry in self._parts(rng, resizing, width, height):
            if shows_object(geometry):
                break
        rows, columns = self.canvas(width, height)
        geometry = dataclasses.replace(geometry, canvas_height=rows, canvas_width=columns)
        return View(geometry, colors)

    def _parts(
        self, rng: np.random.Generator, resizing: Resizing, width: int, height: int
    ) -> Iterator[FrameGeometry]:
        """Parts of the frame that are drawn in its place; none if it is shown as a whole."""
        warping, cropping = self.augmentation.warping, self.augmentation.cropping
        if warping.scales:
            whole = frame_geometry(width, height, resizing)
            for _ in range(_ATTEMPTS):
                yield draw_warp(rng, warping, whole)
        elif rng.random() < cropping.probability:
            for _ in range(_ATTEMPTS):
                yield draw_crop(rng, cropping, resizing, (width, height))

    def _resized_to(self, sides: tuple[int, int]) -> Resizing:
        return dataclasses.replace(self.resizing, image_scale=sides)


def draw_size(rng: np.random.Generator, sizes: Sizes, usual: tuple[int, int]) -> tuple[int, int]:
    """The sides that frames are fitted into; the `usual` ones if none are to be drawn."""
    if sizes.choices:
        return sizes.choices[rng.integers(len(sizes.choices))]
    if sizes.ranges:
        return tuple(int(rng.integers(low, high, endpoint=True)) for low, high in sizes.ranges)
    if sizes.factors:
        return _times(rng.uniform(*sizes.factors), usual)
    return usual


def largest_size(sizes: Sizes, usual: tuple[int, int]) -> tuple[int, int]:
    """The largest sides that `draw_size` gives, each on its own."""
    if sizes.choices:
        first, second = zip(*sizes.choices, strict=True)
        return max(first), max(second)
    if sizes.ranges:
        (_, first), (_, second) = sizes.ranges
        return first, second
    if sizes.factors:
        return _times(sizes.factors[1], usual)
    return usual


def draw_crop(
    rng: np.random.Generator, cropping: Cropping, resizing: Resizing, size: tuple[int, int]
) -> FrameGeometry:
    """Draws a window of a frame.

    Args:
      rng: draws the shorter side of the frame before it is cropped, sides and place of the window.
      cropping: their ranges.
      resizing: of the window, or, if the window comes after it, of the frame.
      size: (width, height) of the original frame.
    """
    after = cropping.when == AFTER
    frame = frame_geometry(*size, resizing if after else _first_size(rng, cropping, resizing, size))
    low, high = cropping.sides
    sides = [
        int(rng.integers(min(side, low), min(side, high), endpoint=True))
        for side in (frame.width, frame.height)
    ]
    if resizing.fit != EXACT:  # frames of one orientation have a canvas that lies as they do
        sides = sorted(sides, reverse=is_landscape(*size))
    width, height = sides
    x, y = (
        int(rng.integers(whole - side, endpoint=True))
        for whole, side in ((frame.width, width), (frame.height, height))
    )
    kept = Resizing((width, height), fit=EXACT, resampling=resizing.resampling, axis_scales=True)
    geometry = frame_geometry(width, height, kept if after else resizing)
    return dataclasses.replace(geometry, crop=Crop(frame, x, y, width, height))


def draw_warp(rng: np.random.Generator, warping: Warping, whole: FrameGeometry) -> FrameGeometry:
    """Draws which part of a frame, that as a `whole` is centred on its canvas, is put there."""
    share = warping.scales[rng.integers(len(warping.scales))]
    height, width = whole.centered
    x, y = (
        float(rng.integers(margin, side - margin))
        for side, margin in ((side, room_inside(warping.margin, side)) for side in (width, height))
    )
    scale = tuple(factor / share for factor in whole.scale)
    return dataclasses.replace(whole, scale=scale, middle=(x, y))


def room_inside(margin: int, side: int) -> int:
    """The margin, halved (rounded down) until places are left between both ends of a side."""
    while side <= 2 * margin:
        margin //= 2
    return margin


def _first_size(
    rng: np.random.Generator, cropping: Cropping, resizing: Resizing, size: tuple[int, int]
) -> Resizing:
    """How frames are resized before they are cropped."""
    if not cropping.short_sides:
        return dataclasses.replace(resizing, image_scale=size, fit=EXACT, axis_scales=True)
    side = cropping.short_sides[rng.integers(len(cropping.short_sides))]
    fit = "within" if resizing.fit == EXACT else resizing.fit
    return dataclasses.replace(resizing, image_scale=(_ANY_LENGTH, side), fit=fit)


def _times(factor: float, sides: tuple[int, int]) -> tuple[int, int]:
    return tuple(max(1, int(side * factor + 0.5)) for side in sides)
