"""Resize, flip and pad: the same map for image, boxes and masks.

Coordinates: an *original* frame is resized by one factor and put into the upper left corner of a
zero *canvas*. Boxes are `(x1, y1, x2, y2)` with inclusive corners, as the published code has them.
"""

from __future__ import annotations

import dataclasses
import functools

import cv2
import numpy as np

from ovis_jax.data.mask_sampling import sample_mask


@dataclasses.dataclass(frozen=True)
class Resizing:
    """How frames of any size are resized and padded: what `FrameGeometry` is made from.

    Attributes:
      image_scale: longer and shorter side, in either order, that a resized frame fits into; the
        frame may lie either way.
      pad_multiple: both sides of the canvas are multiples of it.
    """

    image_scale: tuple[int, int]
    pad_multiple: int = 1


@dataclasses.dataclass(frozen=True)
class FrameGeometry:
    """How the frames of one size are resized and padded.

    Attributes:
      height: pixels of the resized frame without padding; likewise `width`.
      width: see `height`.
      canvas_height: pixels with padding; likewise `canvas_width`.
      canvas_width: see `canvas_height`.
      scale: resized pixels per original pixel, not rounded; boxes are multiplied by it.
    """

    height: int
    width: int
    canvas_height: int
    canvas_width: int
    scale: float


def is_landscape(width: int, height: int) -> bool:
    """Training batches hold frames that are wider than high, or frames that are not."""
    return width > height


def frame_geometry(width: int, height: int, resizing: Resizing) -> FrameGeometry:
    """The largest aspect-keeping size within `image_scale`, padded to the next multiple.

    Args:
      width: of the original frame; likewise `height`.
      height: see `width`.
      resizing: what the size follows from.
    """
    sides = resizing.image_scale
    scale = min(max(sides) / max(width, height), min(sides) / min(width, height))
    new_height, new_width = int(height * scale + 0.5), int(width * scale + 0.5)
    return FrameGeometry(
        height=new_height,
        width=new_width,
        canvas_height=_round_up(new_height, resizing.pad_multiple),
        canvas_width=_round_up(new_width, resizing.pad_multiple),
        scale=scale,
    )


def training_geometry(width: int, height: int, resizing: Resizing) -> FrameGeometry:
    """As `frame_geometry`, with one canvas for all landscape frames and one for all others."""
    geometry = frame_geometry(width, height, resizing)
    long, short = (_round_up(f(resizing.image_scale), resizing.pad_multiple) for f in (max, min))
    rows, columns = (short, long) if is_landscape(width, height) else (long, short)
    return dataclasses.replace(geometry, canvas_height=rows, canvas_width=columns)


def resize_image(image: np.ndarray, geometry: FrameGeometry) -> np.ndarray:
    """Resizes a uint8 frame [h, w, 3] exactly as `cv2.resize` does (bilinear).

    Where the height shrinks by an odd whole factor, as from 1080 to 360, each row of the result is
    one row of the frame, and the others need not be looked at.
    """
    if image.shape[:2] == (geometry.height, geometry.width):
        return image
    factor, rest = divmod(image.shape[0], geometry.height)
    if not rest and factor % 2:
        image = image[factor // 2 :: factor]
    return cv2.resize(image, (geometry.width, geometry.height))


def resize_and_flip(image: np.ndarray, geometry: FrameGeometry, *, flip: bool) -> np.ndarray:
    """As `transform_image`, without padding."""
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


def transform_boxes(boxes: np.ndarray, geometry: FrameGeometry, *, flip: bool) -> np.ndarray:
    """Scales, flips and clips boxes.

    Args:
      boxes: [N, 4] as (x, y, width, height) in pixels of the original frame.
      geometry: how the frame is resized.
      flip: mirror left and right.

    Returns:
      [N, 4] float32 as (x1, y1, x2, y2) in pixels of the resized frame, inclusive corners, x within
      [0, width] and y within [0, height] (not width - 1: as the published code clips).
    """
    x, y, width, height = np.asarray(boxes, np.float32).reshape(-1, 4).T
    corners = np.stack([x, y, x + width - 1, y + height - 1], axis=1)
    corners *= np.float32(geometry.scale)
    if flip:
        corners[:, [0, 2]] = geometry.width - corners[:, [2, 0]] - 1
    size = [geometry.width, geometry.height]
    return np.clip(corners, 0, np.array(size + size, np.float32))


def transform_mask(rle: dict, geometry: FrameGeometry, *, flip: bool) -> np.ndarray:
    """Resizes (nearest), flips, pads and packs a mask.

    Args:
      rle: compressed COCO RLE of the original frame's size.
      geometry: how the frame is resized.
      flip: mirror left and right.

    Returns:
      [H, W // 8] uint8 on the canvas, eight columns a byte.
    """
    height, width = rle["size"]
    rows = nearest_source(height, geometry.height)
    columns = nearest_source(width, geometry.width)
    canvas = np.zeros((geometry.canvas_height, geometry.canvas_width), bool)
    canvas[: geometry.height, : geometry.width] = sample_mask(
        rle, rows, columns[::-1] if flip else columns
    )
    return np.packbits(canvas, axis=1)


@functools.lru_cache(maxsize=256)
def nearest_source(old: int, new: int) -> np.ndarray:
    """[new] int: which of `old` pixels each of `new` shows, as OpenCV's INTER_NEAREST chooses."""
    return np.minimum(np.floor(np.arange(new) * (1 / (new / old))).astype(np.int64), old - 1)


def _round_up(value: int, multiple: int) -> int:
    return -(-value // multiple) * multiple
