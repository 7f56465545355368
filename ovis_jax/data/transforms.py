"""Crop, resize, flip and pad frames; `box_transforms` and `mask_transforms` do it with objects.

Coordinates: an *original* frame, or a window of it, is resized and put into the upper left corner
of a zero *canvas*, or, if it is centred, into its middle, where what sticks out is cut off.
"""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
from PIL import Image

from ovis_jax.data import affine

EXACT, CENTERED = "exact", "centered"
FITS = ("within", "short_side", EXACT, CENTERED)
RESAMPLINGS = ("opencv", "pillow")


@dataclasses.dataclass(frozen=True)
class Resizing:
    """How frames of any size are resized and padded: what `FrameGeometry` is made from.

    Attributes:
      image_scale: longer and shorter side, in either order, that a resized frame fits into; the
        frame may lie either way. Of "exact" the width and the height of every resized frame.
      pad_multiple: both sides of the canvas are multiples of it.
      fit: one of `FITS`. "within" is the largest size of the same aspect, as mmdetection 0.x
        computes it; "short_side" is the same but for rounding, as detectron2 computes it: the
        shorter side is fitted, then the longer one if it is too long; "exact" stretches; "centered"
        makes the longer side as long as the canvas is wide, however the frame lies, and puts its
        middle on that of the canvas, which cuts off what sticks out (CenterNet).
      resampling: one of `RESAMPLINGS`, whose numbers are computed. "opencv": bilinear between the
        nearest pixels, masks by the corner of a pixel; "pillow": bilinear over all pixels that
        shrink into one (antialiased), masks by its centre.
      axis_scales: boxes are scaled by the ratio of the rounded sizes in each axis, instead of one
        factor that is not rounded. "exact" has no such factor, and of "centered" nothing is
        rounded.
    """

    image_scale: tuple[int, int]
    pad_multiple: int = 1
    fit: str = "within"
    resampling: str = "opencv"
    axis_scales: bool = False


@dataclasses.dataclass(frozen=True)
class Crop:
    """A window of a resized frame, which takes the place of the original frame.

    Attributes:
      frame: how the whole frame is resized; neither cropped nor centred.
      x: first column of the window in the resized frame.
      y: first row.
      width: columns of the window, all within the resized frame.
      height: rows, likewise.
    """

    frame: FrameGeometry
    x: int
    y: int
    width: int
    height: int


@dataclasses.dataclass(frozen=True)
class FrameGeometry:
    """How the frames of one size are resized and padded.

    Attributes:
      height: pixels of the resized frame without padding; likewise `width`.
      width: see `height`.
      canvas_height: pixels with padding; likewise `canvas_width`.
      canvas_width: see `canvas_height`.
      scale: resized pixels per original pixel in x and in y; boxes are multiplied by it. Of a
        crop: per pixel of the window.
      resampling: one of `RESAMPLINGS`.
      centered: (height, width) of the original frame, whose middle lies on that of the canvas; the
        resized frame is then the whole canvas, with black borders. None: it begins in the corner.
      middle: of a frame that is centred, the place (x, y), in its pixels, that is put on the middle
        of the canvas; of a mirrored frame after it is mirrored. None: its own middle.
      crop: the window that is resized; None: the whole frame.
    """

    height: int
    width: int
    canvas_height: int
    canvas_width: int
    scale: tuple[float, float]
    resampling: str = "opencv"
    centered: tuple[int, int] | None = None
    middle: tuple[float, float] | None = None
    crop: Crop | None = None

    @property
    def image_size(self) -> tuple[float, float]:
        """(height, width) of the resized frame; if it is centred, of all of it, not rounded."""
        if self.centered is None:
            return self.height, self.width
        return self.centered[0] * self.scale[1], self.centered[1] * self.scale[0]

    @property
    def offset(self) -> tuple[float, float]:
        """Where the first pixel of the original frame lies, as (x, y)."""
        if self.centered is None:
            return 0.0, 0.0
        if self.middle is not None:
            (x, y), (in_x, in_y) = self.middle, self.scale
            return self.canvas_width / 2 - x * in_x, self.canvas_height / 2 - y * in_y
        height, width = self.image_size
        return (self.canvas_width - width) / 2, (self.canvas_height - height) / 2

    @property
    def is_moved(self) -> bool:
        """A part of the frame may be missing that is shown otherwise."""
        return self.crop is not None or self.middle is not None

    def is_halved(self, width: int, height: int) -> bool:
        """Nowhere more than half as many pixels are wanted as an original frame has."""
        if self.crop is not None:
            return self.crop.frame.is_halved(width, height)
        rows, columns = self.image_size if self.middle is not None else (0, 0)
        wanted = max(self.width, columns), max(self.height, rows)
        return width >= 2 * wanted[0] and height >= 2 * wanted[1]

    def taps(self, height: int, width: int, *, flip: bool) -> tuple[affine.Taps, affine.Taps]:
        """What the rows and columns of the canvas show of a stored frame that is centred on it."""
        (x, y), (in_x, in_y) = self.offset, self.scale
        rows = affine.side_taps(height, self.canvas_height, in_y, y, self.centered[0], False)
        columns = affine.side_taps(width, self.canvas_width, in_x, x, self.centered[1], flip)
        return rows, columns


def is_landscape(width: int, height: int) -> bool:
    """Training batches hold frames that are wider than high, or frames that are not."""
    return width > height


def frame_geometry(width: int, height: int, resizing: Resizing) -> FrameGeometry:
    """The size that `image_scale` gives, padded to the next multiple.

    Args:
      width: of the original frame; likewise `height`.
      height: see `width`.
      resizing: what the size follows from.
    """
    sides = resizing.image_scale
    if resizing.fit == CENTERED:
        return _centered_geometry(width, height, resizing)
    factor = min(max(sides) / max(width, height), min(sides) / min(width, height))
    if resizing.fit == EXACT:
        size = sides
    elif resizing.fit == "short_side":
        size = _fitted_by_short_side(width, height, sides)
    else:
        size = (width * factor, height * factor)
    new_width, new_height = (int(side + 0.5) for side in size)
    ratios = (new_width / width, new_height / height)
    return FrameGeometry(
        height=new_height,
        width=new_width,
        canvas_height=padded(new_height, resizing.pad_multiple),
        canvas_width=padded(new_width, resizing.pad_multiple),
        scale=ratios if resizing.axis_scales else (factor, factor),
        resampling=resizing.resampling,
    )


def _centered_geometry(width: int, height: int, resizing: Resizing) -> FrameGeometry:
    columns, rows = (padded(side, resizing.pad_multiple) for side in resizing.image_scale)
    factor = columns / max(width, height)
    return FrameGeometry(
        height=rows,
        width=columns,
        canvas_height=rows,
        canvas_width=columns,
        scale=(factor, factor),
        resampling=resizing.resampling,
        centered=(height, width),
    )


def _fitted_by_short_side(width: int, height: int, sides: tuple[int, int]) -> tuple[float, float]:
    """Width and height, not rounded, in detectron2's order of operations."""
    long, short = max(sides), min(sides)
    factor = short / min(width, height)
    size = (factor * width, short) if height < width else (short, factor * height)
    if max(size) > long:
        factor = long / max(size)
        size = (size[0] * factor, size[1] * factor)
    return size


def training_geometry(width: int, height: int, resizing: Resizing) -> FrameGeometry:
    """As `frame_geometry`, with one canvas for all landscape frames and one for all others."""
    geometry = frame_geometry(width, height, resizing)
    if resizing.fit in (EXACT, CENTERED):  # which have one canvas for all
        return geometry
    long, short = (padded(f(resizing.image_scale), resizing.pad_multiple) for f in (max, min))
    rows, columns = (short, long) if is_landscape(width, height) else (long, short)
    return dataclasses.replace(geometry, canvas_height=rows, canvas_width=columns)


def resize_image(image: np.ndarray, geometry: FrameGeometry) -> np.ndarray:
    """Resizes a uint8 frame [h, w, 3] exactly as OpenCV or Pillow does (bilinear).

    Where OpenCV shrinks the height by an odd whole factor, as from 1080 to 360, each row of the
    result is one row of the frame, and the others need not be looked at.
    """
    if image.shape[:2] == (geometry.height, geometry.width):
        return image
    if geometry.resampling == "pillow":
        size = (geometry.width, geometry.height)
        return np.array(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
    factor, rest = divmod(image.shape[0], geometry.height)
    if not rest and factor % 2:
        image = image[factor // 2 :: factor]
    return cv2.resize(image, (geometry.width, geometry.height))


def resize_and_flip(image: np.ndarray, geometry: FrameGeometry, *, flip: bool) -> np.ndarray:
    """As `transform_image`, without padding."""
    if geometry.centered is not None:
        return affine.warp_image(image, *geometry.taps(*image.shape[:2], flip=flip))
    crop = geometry.crop
    if crop is not None:
        image = resize_image(image, crop.frame)
        image = image[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width]
    image = resize_image(image, geometry)
    return cv2.flip(image, 1) if flip else image


def transform_image(image: np.ndarray, geometry: FrameGeometry, *, flip: bool) -> np.ndarray:
    """Crops, resizes (bilinear), flips and pads a frame.

    Args:
      image: [h, w, 3] uint8 RGB, of any size that shows the whole frame.
      geometry: its resized and padded size.
      flip: mirror left and right.

    Returns:
      [H, W, 3] uint8 RGB on the canvas; zero right of and below the resized frame.
    """
    canvas = np.zeros((geometry.canvas_height, geometry.canvas_width, 3), np.uint8)
    canvas[: geometry.height, : geometry.width] = resize_and_flip(image, geometry, flip=flip)
    return canvas


def padded(value: int, multiple: int) -> int:
    """The next multiple."""
    return -(-value // multiple) * multiple
