"""Loaded frames → one `Clips` record, padded to the capacity."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from ovis_jax.data.transforms import FrameGeometry
from ovis_jax.structures import Clips, Instances


@dataclasses.dataclass(frozen=True)
class ClipShape:
    """How much a clip holds.

    Attributes:
      num_frames: T.
      mask_frames: Q, frames that have masks, from the first on.
      capacity: N, slots for the objects of a frame.
    """

    num_frames: int
    mask_frames: int
    capacity: int


@dataclasses.dataclass(frozen=True)
class LoadedFrame:
    """A frame as the network sees it, and its objects.

    Attributes:
      image: [h, w, 3] uint8, resized and flipped, not padded.
      identities: [n] int, numbers that the objects keep in other frames of the clip, and of videos
        in all clips; no two are equal.
      labels: [n] int in [0, K).
      boxes: [n, 4] float32 (x1, y1, x2, y2) in pixels of the resized frame.
      occlusion: [n] int, see `Instances`.
      masks: [n, H, W // 8] uint8, padded, eight columns a byte; of frames with masks.
    """

    image: np.ndarray
    identities: np.ndarray
    labels: np.ndarray
    boxes: np.ndarray
    occlusion: np.ndarray
    masks: np.ndarray | None = None


def empty_clip(height: int, width: int, shape: ClipShape, leading: tuple[int, ...] = ()) -> Clips:
    """A clip without objects: all zero. Here alone stand the shapes and types of a batch.

    Args:
      height: of the padded canvas, in pixels; likewise `width`, a multiple of 8.
      width: see `height`.
      shape: how much the clip holds.
      leading: axes before all others, such as the rows of a batch.

    Returns:
      Numpy arrays, to be written to.
    """
    frames, slots = (*leading, shape.num_frames), (*leading, shape.num_frames, shape.capacity)
    masks = (*leading, shape.mask_frames, shape.capacity, height, width // 8)
    return Clips(
        frames=np.zeros((*frames, height, width, 3), np.uint8),
        image_size=np.zeros((*leading, 2), np.int32),
        instances=Instances(
            boxes=np.zeros((*slots, 4), np.float32),
            labels=np.zeros(slots, np.int32),
            identities=np.zeros(slots, np.int32),
            masks=np.zeros(masks, np.uint8),
            valid=np.zeros(slots, bool),
            occlusion=np.zeros(slots, np.int32),
        ),
        sample=np.zeros(leading, np.int32),
    )


def blank_clip(canvas: tuple[int, int], shape: ClipShape, sample: int) -> Clips:
    """The empty clip of a sample, without batch axis; `canvas` is (height, width)."""
    clip = empty_clip(*canvas, shape)
    return clip.replace(sample=np.int32(sample))


def make_clip(
    frames: Sequence[LoadedFrame], geometry: FrameGeometry, shape: ClipShape, sample: int
) -> Clips:
    """A clip without batch axis.

    Args:
      frames: T, each with at most `shape.capacity` objects; the first Q with masks.
      geometry: of all frames.
      shape: how much the clip holds.
      sample: number of the query frame.
    """
    clip = blank_clip((geometry.canvas_height, geometry.canvas_width), shape, sample)
    instances = clip.instances
    clip.image_size[:] = geometry.height, geometry.width
    for t, frame in enumerate(frames):
        count = len(frame.identities)
        clip.frames[t, : geometry.height, : geometry.width] = frame.image
        instances.boxes[t, :count] = frame.boxes
        instances.labels[t, :count] = frame.labels
        instances.identities[t, :count] = frame.identities
        instances.occlusion[t, :count] = frame.occlusion
        instances.valid[t, :count] = True
        if t < shape.mask_frames:
            instances.masks[t, :count] = frame.masks
    return clip
