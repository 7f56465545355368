"""Mask logits of a frame to run-length masks of the original frame; numpy and OpenCV.

A system names how this is done (`mask_rule`). `paste_objects` is the rule of grids over boxes.
"""

import dataclasses
from collections.abc import Callable, Sequence

import cv2
import numpy as np

from ovis_jax.formats import rle
from ovis_jax.structures import FrameOutput

_MIN_LOGIT = -80.0  # its exponential is still finite


@dataclasses.dataclass(frozen=True)
class OriginalFrame:
    """The frame that masks are made for.

    Attributes:
      height: pixels of the original frame.
      width: likewise.
      scale: resized pixels per original pixel in x and in y, or one number for both.
      number: of the frame in its video, from 0.
    """

    height: int
    width: int
    scale: float | tuple[float, float]
    number: int = 0


MaskRule = Callable[[FrameOutput, OriginalFrame], Sequence[dict]]
"""Run-length masks of the D objects of a frame, all of them valid, in numpy arrays [D, ...]."""


def paste_objects(objects: FrameOutput, frame: OriginalFrame) -> list[dict]:
    """A mask for each object, from its grid of logits over its mask box."""
    boxes = pixel_boxes(objects.mask_boxes, frame.scale)
    return [
        paste_mask(logits, box, frame.height, frame.width)
        for logits, box in zip(objects.mask_logits, boxes, strict=True)
    ]


def pixel_boxes(boxes: np.ndarray, scale: float | tuple[float, float]) -> np.ndarray:
    """Whole pixels that boxes cover, as the published code truncates them.

    Args:
      boxes: [N, 4] float32, pixels of the original frame.
      scale: resized pixels per original pixel in x and in y, or one number for both; going there
        and back can move a box by one rounding.

    Returns:
      [N, 4] int32; x2 and y2 are the last pixels inside.
    """
    scale = np.tile(np.broadcast_to(np.float32(scale), 2), 2)
    boxes = ((np.asarray(boxes, np.float32) * scale) / scale).astype(np.int32)
    boxes[:, 2:] = np.maximum(boxes[:, 2:], boxes[:, :2])
    return boxes


def mask_in_box(logits: np.ndarray, width: int, height: int) -> np.ndarray:
    """Resizes mask probabilities to a box (bilinear) and thresholds them at one half.

    Args:
      logits: [h, w] float32 on a grid over the box.
      width: width of the box in pixels.
      height: height of the box in pixels.

    Returns:
      [height, width] bool.
    """
    probs = 1 / (1 + np.exp(-np.maximum(np.asarray(logits, np.float32), _MIN_LOGIT)))
    return cv2.resize(probs, (width, height), interpolation=cv2.INTER_LINEAR) > 0.5


def encode_crop(crop: np.ndarray, x: int, y: int, height: int, width: int) -> dict:
    """Run-length mask of a frame that is empty except for `crop`, without making the frame.

    Args:
      crop: [h, w] bool.
      x: column of the frame where the crop's first column stands; may be negative.
      y: row of the frame where the crop's first row stands; may be negative.
      height: height of the frame.
      width: width of the frame; what sticks out of the frame is cut off.

    Returns:
      COCO run-length mask, `{"size": [height, width], "counts": str}`.
    """
    crop = crop[max(-y, 0) : max(height - y, 0), max(-x, 0) : max(width - x, 0)]
    x, y = max(x, 0), max(y, 0)
    rows, columns = crop.shape
    # COCO counts down the columns. A zero around each column keeps the runs of columns apart.
    flat = np.zeros((columns, rows + 1), np.uint8)
    flat[:, :rows] = cv2.transpose(crop.view(np.uint8)) if crop.size else 0
    flat = np.concatenate([np.zeros(1, np.uint8), flat.ravel()])
    edges = np.flatnonzero(flat[1:] != flat[:-1])
    column, row = np.divmod(edges, rows + 1)
    edges = (x + column) * height + y + row
    # In a crop of full height a run can go on in the next column: such a pair of edges is none.
    together = np.flatnonzero(edges[1:-1:2] == edges[2::2]) * 2 + 1
    edges = np.delete(edges, np.concatenate([together, together + 1]))
    counts = np.diff(edges, prepend=0, append=height * width)
    counts = counts[:-1] if counts[-1] == 0 else counts
    return rle.from_uncompressed({"size": [height, width], "counts": counts.tolist()})


def paste_mask(logits: np.ndarray, box: np.ndarray, height: int, width: int) -> dict:
    """Run-length mask of one object.

    Args:
      logits: [h, w] float32 on a grid over the box.
      box: [4] int32 as `pixel_boxes` gives it.
      height: height of the original frame.
      width: width of the original frame.
    """
    x1, y1, x2, y2 = (int(v) for v in box)
    crop = mask_in_box(logits, x2 - x1 + 1, y2 - y1 + 1)
    return encode_crop(crop, x1, y1, height, width)
