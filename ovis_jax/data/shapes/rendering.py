"""Scene → frames: pixels, and which object each pixel shows."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import cv2
import numpy as np

from ovis_jax.data.shapes.scene import Layer, Scene

_EXPOSURES = (-0.5, 0.0, 0.5)  # moments of the open shutter that a blurred layer is the mean of


@dataclasses.dataclass(frozen=True)
class Frame:
    """One drawn frame.

    Attributes:
      image: [H, W, 3] uint8 RGB.
      owners: [H, W] int16, the object in front at each pixel; -1 for background and occluders.
      wholes: of each object, what it covers within the frame, hidden or not.
    """

    image: np.ndarray
    owners: np.ndarray
    wholes: list[Whole]

    @property
    def full_areas(self) -> np.ndarray:
        """[N] pixels that each object covers, hidden or not."""
        return np.array([np.count_nonzero(whole.covered) for whole in self.wholes], np.int64)

    def visible_masks(self) -> Iterator[np.ndarray]:
        """[H, W] bool of each object."""
        return (self.owners == number for number in range(len(self.wholes)))

    def whole_mask(self, number: int) -> np.ndarray:
        """[H, W] bool, the pixels that an object covers, hidden or not."""
        mask = np.zeros(self.owners.shape, bool)
        mask[self.wholes[number].part] = self.wholes[number].covered
        return mask


@dataclasses.dataclass(frozen=True)
class Whole:
    """The pixels that a layer covers if nothing hides it.

    Attributes:
      part: rows and columns of the frame.
      covered: bool, of these.
    """

    part: tuple[slice, slice]
    covered: np.ndarray


_NOTHING = Whole((slice(0, 0), slice(0, 0)), np.zeros((0, 0), bool))


def render_frame(scene: Scene, index: int, width: int, height: int, motion_blur: float) -> Frame:
    """Draws frame `index`; a pixel belongs to the layer in front that covers half of it."""
    canvas = _shifted_background(scene, index, width, height)
    owners = np.full((height, width), -1, np.int16)
    wholes = [_NOTHING] * len(scene.objects)
    for number in scene.order[index]:
        layer = scene.objects[number]
        wholes[number] = _paint(canvas, owners, layer, index, motion_blur, int(number))
    for occluder in scene.occluders:
        _paint(canvas, owners, occluder, index, motion_blur, -1)
    return Frame(_expose(scene, index, canvas), owners, wholes)


def _shifted_background(scene: Scene, index: int, width: int, height: int) -> np.ndarray:
    """The part of the background in view, [H, W, 3] float32."""
    x, y = scene.camera[index] - scene.margin
    matrix = np.array([[1, 0, x], [0, 1, y]])
    view = cv2.warpAffine(scene.background, matrix, (width, height), flags=cv2.INTER_LINEAR)
    return view.astype(np.float32)


def _paint(
    canvas: np.ndarray, owners: np.ndarray, layer: Layer, index: int, blur: float, owner: int
) -> Whole:
    """Mixes a layer into canvas and owners in place; returns the pixels that it covers."""
    height, width = owners.shape
    motion = layer.motion
    later, before = min(index + 1, len(motion.centers) - 1), max(index - 1, 0)
    travel = blur * (motion.centers[later] - motion.centers[before]) / max(later - before, 1)
    matrix = _pose_matrix(layer, index)
    x1, y1, x2, y2 = _extent(layer.sprite.shape, matrix, np.abs(travel) / 2, width, height)
    if x1 >= x2 or y1 >= y2:
        return _NOTHING
    matrix[:, 2] -= (x1, y1)
    moments = _EXPOSURES if np.abs(travel).max() > 0.5 else (0.0,)
    patch = sum(_warp(layer.sprite, matrix, m * travel, (x2 - x1, y2 - y1)) for m in moments)
    patch = patch / len(moments)
    part = (slice(y1, y2), slice(x1, x2))
    canvas[part] *= 1 - patch[..., 3:]
    canvas[part] += patch[..., :3]
    covered = patch[..., 3] >= 0.5
    owners[part][covered] = owner
    return Whole(part, covered)


def _pose_matrix(layer: Layer, index: int) -> np.ndarray:
    """[2, 3] from sprite pixels (centres at whole numbers) to frame pixels."""
    height, width, _ = layer.sprite.shape
    motion = layer.motion
    angle, scale = motion.angles[index], motion.scales[index]
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shift = motion.centers[index] - 0.5 - turn @ [(width - 1) / 2, (height - 1) / 2]
    return np.column_stack([turn, shift])


def _extent(shape, matrix: np.ndarray, slack: np.ndarray, width: int, height: int) -> list[int]:
    """Corners x1, y1, x2, y2 (end exclusive) of the pixels that a layer may touch."""
    rows, columns, _ = shape
    x, y = [-0.5, columns - 0.5], [-0.5, rows - 0.5]
    corners = np.array([[x[0], x[1], x[0], x[1]], [y[0], y[0], y[1], y[1]], [1, 1, 1, 1]])
    placed = matrix @ corners
    low = np.floor(placed.min(1) - slack - 1)
    high = np.ceil(placed.max(1) + slack + 2)
    size = (width, height)
    return [
        *np.clip(low, 0, size).astype(int).tolist(),
        *np.clip(high, 0, size).astype(int).tolist(),
    ]


def _warp(sprite: np.ndarray, matrix: np.ndarray, shift: np.ndarray, size) -> np.ndarray:
    moved = matrix.copy()
    moved[:, 2] += shift
    return cv2.warpAffine(sprite, moved, size, flags=cv2.INTER_LINEAR)


def _expose(scene: Scene, index: int, canvas: np.ndarray) -> np.ndarray:
    """What the sensor makes of the light: brightness factor, noise, 8 bits."""
    height, width, _ = canvas.shape
    x, y = scene.noise_corners[index]
    image = cv2.convertScaleAbs(canvas, alpha=float(scene.gains[index]))
    noise = scene.noise[y : y + height, x : x + width]
    return cv2.add(image, noise, dtype=cv2.CV_8U)
