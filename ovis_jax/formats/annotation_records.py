"""The records of an annotation file."""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.formats import rle
from ovis_jax.formats.segmentations import Segmentations

OCCLUSION_LEVELS = ("no_occlusion", "slight_occlusion", "severe_occlusion")


@dataclasses.dataclass(frozen=True)
class Video:
    """A video.

    Attributes:
      id: of the file.
      width: of every frame, in pixels; likewise `height`.
      height: see `width`.
      length: number of frames.
      file_names: one for each frame, relative to the folder of the frames, folders parted by "/";
        empty if the file has none.
      annotated_frames: numbers of the frames in which all objects were annotated, ascending; of
        others nothing is known. None if that is all frames, as in files that do not say it.
    """

    id: int
    width: int
    height: int
    length: int
    file_names: tuple[str, ...]
    annotated_frames: tuple[int, ...] | None = None

    def is_annotated(self) -> np.ndarray:
        """[length] bool, the frames in which objects were annotated."""
        if self.annotated_frames is None:
            return np.ones(self.length, bool)
        known = np.zeros(self.length, bool)
        known[list(self.annotated_frames)] = True
        return known


@dataclasses.dataclass(frozen=True)
class Category:
    """A kind of object."""

    id: int
    name: str


@dataclasses.dataclass(frozen=True, eq=False, slots=True)
class Instance:
    """An annotated object in all T frames of its video.

    Attributes:
      id: of the file; unique.
      video_id: see `Video`.
      category_id: see `Category`.
      iscrowd: the masks show a group of objects.
      segmentations: for each frame a compressed mask or None; see `Segmentations`.
      boxes: [T, 4] float64 (x, y, width, height) in pixels of the frame, NaN where there is none.
      areas: [T] float64, the file's pixels of the object; 0 where there is none.
      occlusion: for each frame one of OCCLUSION_LEVELS or None; None if the file has none at all.
      score: how sure a prediction is, higher is surer; None if the object was annotated.
    """

    id: int | str
    video_id: int
    category_id: int
    iscrowd: bool
    segmentations: Segmentations
    boxes: np.ndarray
    areas: np.ndarray
    occlusion: tuple[str | None, ...] | None
    score: float | None = None

    def rle(self, frame: int) -> dict | None:
        """Compressed mask of a frame, or None."""
        return self.segmentations[frame]

    def mask(self, frame: int) -> np.ndarray | None:
        """Mask of a frame, [height, width] uint8 of zeros and ones, or None."""
        mask = self.segmentations[frame]
        return None if mask is None else rle.decode(mask)
