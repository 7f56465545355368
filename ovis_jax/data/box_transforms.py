"""Crop, resize and flip boxes as `transforms` does with their frame.

Boxes become `(x1, y1, x2, y2)`, whose second corners are inclusive or not, as the system takes
them.
"""

from __future__ import annotations

import numpy as np

from ovis_jax.data.transforms import FrameGeometry


def transform_boxes(
    boxes: np.ndarray, geometry: FrameGeometry, *, flip: bool, inclusive: bool = True
) -> np.ndarray:
    """Scales, flips and clips boxes to the frame, or to what is left of it.

    Args:
      boxes: [N, 4] as (x, y, width, height) in pixels of the original frame.
      geometry: how the frame is resized.
      flip: mirror left and right.
      inclusive: the second corner is the last pixel; otherwise the edge behind it.

    Returns:
      [N, 4] float32 as (x1, y1, x2, y2) in pixels of the resized frame, x within [0, width] and y
      within [0, height] (not width - 1 of inclusive corners: as the published code clips).
    """
    corners = _placed_corners(boxes, geometry, flip, inclusive)
    return np.clip(corners, 0, _limits(geometry))


def visible_boxes(boxes: np.ndarray, geometry: FrameGeometry, *, flip: bool) -> np.ndarray:
    """[N] bool: of both sides of a box a pixel is left, or the whole side, if that is less.

    Args:
      boxes: as in `transform_boxes`; likewise `geometry` and `flip`.
      geometry: see `boxes`.
      flip: see `boxes`.
    """
    corners = _placed_corners(boxes, geometry, flip, inclusive=False)
    left = np.clip(corners, 0, _limits(geometry))
    whole, left = (x[:, 2:] - x[:, :2] for x in (corners, left))
    return (left >= np.minimum(whole, 1)).all(axis=1)


def _limits(geometry: FrameGeometry) -> np.ndarray:
    return np.array([geometry.width, geometry.height] * 2, np.float32)


def _placed_corners(
    boxes: np.ndarray, geometry: FrameGeometry, flip: bool, inclusive: bool
) -> np.ndarray:
    """[N, 4] float32, what `transform_boxes` clips."""
    x, y, width, height = np.asarray(boxes, np.float32).reshape(-1, 4).T
    last = 1 if inclusive else 0
    corners = np.stack([x, y, x + width - last, y + height - last], axis=1)
    if geometry.crop is not None:
        corners = corners * np.tile(np.float32(geometry.crop.frame.scale), 2)
        corners -= np.tile(np.float32([geometry.crop.x, geometry.crop.y]), 2)
    corners = corners * np.tile(np.float32(geometry.scale), 2)
    corners += np.tile(np.float32(geometry.offset), 2)
    if flip and geometry.centered is None:
        corners[:, [0, 2]] = geometry.width - corners[:, [2, 0]] - last
    elif flip:  # a pixel of the original frame goes to another one, and corners are like pixels
        ends = np.float32(2 * geometry.offset[0] + geometry.image_size[1])
        corners[:, [0, 2]] = ends - corners[:, [2, 0]] - np.float32(geometry.scale[0])
    return corners
