"""Random motion of a still image in front of the camera: one homography for each frame."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np

from ovis_jax.data.transforms import FrameGeometry


@dataclasses.dataclass(frozen=True)
class Motion:
    """How far a frame may be moved from rest; each value is drawn uniformly from both sides of 0.

    Attributes:
      rotation: degrees.
      shear: degrees, along x and y.
      translation: shares of width and height.
      scale: the size changes by a factor within [1 / (1 + scale), 1 + scale].
      perspective: shares of width and height by which each corner of the frame moves on its own.
    """

    rotation: float
    shear: float
    translation: float
    scale: float
    perspective: float


REST = Motion(rotation=0.0, shear=0.0, translation=0.0, scale=0.0, perspective=0.0)


def draw_transforms(
    rng: np.random.Generator, motion: Motion, length: int, width: int, height: int
) -> np.ndarray:
    """Moves a frame from one random pose to another (paper, section 4.3).

    Args:
      rng: draws the two poses; the frames between them are interpolated.
      motion: range of the poses.
      length: T, number of frames.
      width: of the frame in pixels; likewise `height`.
      height: see `width`.

    Returns:
      [T, 3, 3] float64: from pixels of the still frame to pixels of each frame, (x, y, 1) with
      pixel centres at whole numbers.
    """
    spread = _spread(motion)
    start, end = rng.uniform(-spread, spread, (2, len(spread)))
    poses = np.linspace(start, end, length)
    return np.array([_homography(pose, np.array([width, height])) for pose in poses])


def resize_transform(old: tuple[int, int], new: tuple[int, int]) -> np.ndarray:
    """[3, 3]: how `cv2.resize` maps pixels of one (width, height) to another."""
    factors = np.array(new) / np.array(old)
    matrix = np.diag([*factors, 1.0])
    matrix[:2, 2] = (factors - 1) / 2
    return matrix


def view_transform(size: tuple[int, int], geometry: FrameGeometry) -> np.ndarray:
    """[3, 3]: from pixels of a still of (width, height) to those of the resized frame."""
    if geometry.centered is not None:
        matrix = np.diag([*geometry.scale, 1.0])
        matrix[:2, 2] = geometry.offset
        return matrix
    resized, crop = (geometry.width, geometry.height), geometry.crop
    if crop is None:
        return resize_transform(size, resized)
    window = np.eye(3)
    window[:2, 2] = -crop.x, -crop.y
    inside = resize_transform((crop.width, crop.height), resized)
    return inside @ window @ view_transform(size, crop.frame)


def mirror_transform(width: int) -> np.ndarray:
    """[3, 3]: swaps left and right."""
    return np.array([[-1.0, 0, width - 1], [0, 1, 0], [0, 0, 1]])


def _spread(motion: Motion) -> np.ndarray:
    """[13] greatest rotation, shear (2), log scale, translation (2), shift of each corner (8)."""
    return np.array(
        [
            np.radians(motion.rotation),
            *[np.radians(motion.shear)] * 2,
            np.log1p(motion.scale),
            *[motion.translation] * 2,
            *[motion.perspective] * 8,
        ]
    )


def _homography(pose: np.ndarray, size: np.ndarray) -> np.ndarray:
    """[3, 3] that moves the corners of a frame of `size` (width, height) into a pose."""
    angle, shear, log_scale = pose[0], np.tan(pose[1:3]), pose[3]
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    linear = np.exp(log_scale) * turn @ np.array([[1, shear[0]], [shear[1], 1]])
    unit = np.array([[0, 0], [1, 0], [1, 1], [0, 1]])
    middle = size / 2
    moved = (unit * size - middle) @ linear.T + middle
    moved += (pose[4:6] + pose[6:].reshape(4, 2)) * size
    corners = [points.astype(np.float32) - np.float32(0.5) for points in (unit * size, moved)]
    return cv2.getPerspectiveTransform(*corners)
