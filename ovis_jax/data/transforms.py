"""Resize, flip and pad: the same map for image, boxes and masks.

Coordinates: an *original* frame is resized and put into the upper left corner of a zero *canvas*,
or, if it is centred, into its middle, where what sticks out is cut off. Boxes are
`(x1, y1, x2, y2)`, whose corners are inclusive or not, as the system takes them.
"""

from __future__ import annotations

import dataclasses
import functools

import cv2
import numpy as np
from PIL import Image

from ovis_jax.data import affine
from ovis_jax.data.mask_sampling import sample_mask

CENTERED = "centered"
FITS = ("within", "short_side", "exact", CENTERED)
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
class FrameGeometry:
    """How the frames of one size are resized and padded.

    Attributes:
      height: pixels of the resized frame without padding; likewise `width`.
      width: see `height`.
      canvas_height: pixels with padding; likewise `canvas_width`.
      canvas_width: see `canvas_height`.
      scale: resized pixels per original pixel in x and in y; boxes are multiplied by it.
      resampling: one of `RESAMPLINGS`.
      centered: (height, width) of the original frame, whose middle lies on that of the canvas; the
        resized frame is then the whole canvas, with black borders. None: it begins in the corner.
    """

    height: int
    width: int
    canvas_height: int
    canvas_width: int
    scale: tuple[float, float]
    resampling: str = "opencv"
    centered: tuple[int, int] | None = None

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
        height, width = self.image_size
        return (self.canvas_width - width) / 2, (self.canvas_height - height) / 2

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
    if resizing.fit == "exact":
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
        canvas_height=_round_up(new_height, resizing.pad_multiple),
        canvas_width=_round_up(new_width, resizing.pad_multiple),
        scale=ratios if resizing.axis_scales else (factor, factor),
        resampling=resizing.resampling,
    )


def _centered_geometry(width: int, height: int, resizing: Resizing) -> FrameGeometry:
    columns, rows = (_round_up(side, resizing.pad_multiple) for side in resizing.image_scale)
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
    if resizing.fit in ("exact", CENTERED):  # which have one canvas for all
        return geometry
    long, short = (_round_up(f(resizing.image_scale), resizing.pad_multiple) for f in (max, min))
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
    image = resize_image(image, geometry)
    return cv2.flip(image, 1) if flip else image


def transform_image(image: np.ndarray, geometry: FrameGeometry, *, flip: bool) -> np.ndarray:
    """Resizes (bilinear), flips and pads a frame.

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


def transform_boxes(
    boxes: np.ndarray, geometry: FrameGeometry, *, flip: bool, inclusive: bool = True
) -> np.ndarray:
    """Scales, flips and clips boxes.

    Args:
      boxes: [N, 4] as (x, y, width, height) in pixels of the original frame.
      geometry: how the frame is resized.
      flip: mirror left and right.
      inclusive: the second corner is the last pixel; otherwise the edge behind it.

    Returns:
      [N, 4] float32 as (x1, y1, x2, y2) in pixels of the resized frame, x within [0, width] and y
      within [0, height] (not width - 1 of inclusive corners: as the published code clips).
    """
    x, y, width, height = np.asarray(boxes, np.float32).reshape(-1, 4).T
    last = 1 if inclusive else 0
    corners = np.stack([x, y, x + width - last, y + height - last], axis=1)
    corners = corners * np.tile(np.float32(geometry.scale), 2)
    corners += np.tile(np.float32(geometry.offset), 2)
    if flip and geometry.centered is None:
        corners[:, [0, 2]] = geometry.width - corners[:, [2, 0]] - last
    elif flip:  # a pixel of the original frame goes to another one, and corners are like pixels
        corners[:, [0, 2]] = geometry.width - corners[:, [2, 0]] - np.float32(geometry.scale[0])
    size = [geometry.width, geometry.height]
    return np.clip(corners, 0, np.array(size + size, np.float32))


def transform_mask(rle: dict, geometry: FrameGeometry, *, flip: bool) -> np.ndarray:
    """Resizes (nearest; if it is centred, bilinear), flips, pads and packs a mask.

    Args:
      rle: compressed COCO RLE of the original frame's size.
      geometry: how the frame is resized.
      flip: mirror left and right.

    Returns:
      [H, W // 8] uint8 on the canvas, eight columns a byte.
    """
    height, width = rle["size"]
    if geometry.centered is not None:
        mask = affine.warp_mask(rle, *geometry.taps(height, width, flip=flip))
        return np.packbits(mask, axis=1)
    rows = nearest_source(height, geometry.height, geometry.resampling)
    columns = nearest_source(width, geometry.width, geometry.resampling)
    canvas = np.zeros((geometry.canvas_height, geometry.canvas_width), bool)
    canvas[: geometry.height, : geometry.width] = sample_mask(
        rle, rows, columns[::-1] if flip else columns
    )
    return np.packbits(canvas, axis=1)


@functools.lru_cache(maxsize=256)
def nearest_source(old: int, new: int, resampling: str = "opencv") -> np.ndarray:
    """[new] int: which of `old` pixels each of `new` shows.

    As OpenCV's INTER_NEAREST chooses, or Pillow's NEAREST, which adds up the steps between centres.
    """
    if resampling == "pillow":
        step = old / new
        return np.cumsum([step * 0.5, *[step] * (new - 1)]).astype(np.int64)
    return np.minimum(np.floor(np.arange(new) * (1 / (new / old))).astype(np.int64), old - 1)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
