"""Still images as videos: image and masks move together, and other objects pass in front.

The paper trains on such clips beside OVIS (section 4.3, Table 5).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import cv2
import numpy as np


@dataclasses.dataclass(frozen=True)
class Still:
    """A still image and its objects.

    Attributes:
      image: [h, w, 3] uint8 RGB.
      masks: [N, h, w] bool.
    """

    image: np.ndarray
    masks: np.ndarray


@dataclasses.dataclass(frozen=True)
class Cutout:
    """An object cut out of an image, to be pasted over others.

    Attributes:
      image: [h, w, 3] uint8 RGB.
      mask: [h, w] bool: which pixels are the object's.
    """

    image: np.ndarray
    mask: np.ndarray


@dataclasses.dataclass(frozen=True)
class PseudoClip:
    """What is to be drawn.

    Attributes:
      still: the scene, with N objects.
      transforms: [T, 3, 3], from its pixels to those of each frame.
      cutouts: pasted objects, P of them, each in front of the ones before.
      cutout_transforms: [P, T, 3, 3], from their pixels to those of the still image.
    """

    still: Still
    transforms: np.ndarray
    cutouts: Sequence[Cutout] = ()
    cutout_transforms: Sequence[np.ndarray] = ()


@dataclasses.dataclass(frozen=True)
class PseudoFrame:
    """A drawn frame; objects are those of the still image, then the pasted ones.

    Attributes:
      image: [H, W, 3] uint8 RGB.
      masks: [N + P, H, W] bool: pixels that show an object. A pixel of a pasted object is of no
        other; objects of the still image overlap where their annotations do.
      full_areas: [N + P] int: pixels within the frame that an object covers, hidden or not.
    """

    image: np.ndarray
    masks: np.ndarray
    full_areas: np.ndarray


def draw_frame(
    clip: PseudoClip, frame: int, size: tuple[int, int], fill: Sequence[float]
) -> PseudoFrame:
    """Draws a frame of a clip.

    Args:
      clip: what to draw.
      frame: number of the frame.
      size: (width, height) of the frame.
      fill: RGB colour of what lies outside the still image.
    """
    move = clip.transforms[frame]
    image = cv2.warpPerspective(
        clip.still.image,
        move,
        size,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=tuple(fill),
    )
    masks = [_warp_masks(clip.still.masks, move, size)]
    full_areas = [np.count_nonzero(masks[0], axis=(1, 2))]
    for cutout, place in zip(clip.cutouts, clip.cutout_transforms, strict=True):
        covered = _paste(image, cutout, move @ place[frame])
        for earlier in masks:
            earlier &= ~covered
        masks.append(covered[None])
        full_areas.append([np.count_nonzero(covered)])
    return PseudoFrame(image, np.concatenate(masks), np.concatenate(full_areas).astype(int))


def _warp_masks(masks: np.ndarray, move: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """[N, H, W] bool, moved masks; eight of them travel in the bits of one picture."""
    moved = np.zeros((len(masks), size[1], size[0]), bool)
    for first in range(0, len(masks), 8):
        plane = np.zeros(masks.shape[1:], np.uint8)
        for bit, mask in enumerate(masks[first : first + 8]):
            plane |= mask.view(np.uint8) << np.uint8(bit)
        plane = cv2.warpPerspective(plane, move, size, flags=cv2.INTER_NEAREST)
        for bit, mask in enumerate(moved[first : first + 8]):
            np.not_equal(plane & np.uint8(1 << bit), 0, out=mask)
    return moved


def _paste(image: np.ndarray, cutout: Cutout, move: np.ndarray) -> np.ndarray:
    """Draws a cutout into [H, W, 3] `image`; returns the pixels that are then its own."""
    size = image.shape[1::-1]
    share = cv2.warpPerspective(cutout.mask.astype(np.float32), move, size)
    covered = share >= 0.5
    x, y, width, height = cv2.boundingRect((share > 0).astype(np.uint8))
    part = (slice(y, y + height), slice(x, x + width))
    color = cv2.warpPerspective(cutout.image, move, size, borderMode=cv2.BORDER_REPLICATE)[part]
    behind = image[part].astype(np.float32)
    image[part] = np.rint(behind + share[part][..., None] * (color - behind)).astype(np.uint8)
    return covered
