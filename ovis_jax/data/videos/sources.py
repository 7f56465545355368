"""Where the pipeline takes frames and masks from: raw folders here, records in `frame_records`."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Sequence
from typing import Protocol

import numpy as np
from absl import logging

from ovis_jax.data.frame_files import read_frame
from ovis_jax.data.mask_transforms import transform_mask
from ovis_jax.data.transforms import FrameGeometry
from ovis_jax.data.videos.index import VideoObjects, annotated_videos
from ovis_jax.formats.annotation_options import (
    AnnotationOptions,
    objects_to_train_on,
    with_chosen_boxes,
)
from ovis_jax.formats.annotations import Category, load_annotations


@dataclasses.dataclass(frozen=True)
class Frame:
    """A frame of a video and some of its objects.

    Attributes:
      image: [h, w, 3] uint8 RGB, not flipped; of any size that shows the whole frame.
      masks: [N, H, W // 8] uint8, resized, flipped and padded, eight columns a byte.
    """

    image: np.ndarray
    masks: np.ndarray


class FrameSource(Protocol):
    """A data set with random access to its frames.

    Attributes:
      path: where it is, for messages.
      categories: sorted by id.
      videos: their objects.
    """

    path: str
    categories: Sequence[Category]
    videos: Sequence[VideoObjects]

    def read(
        self, video: int, frame: int, objects: np.ndarray, *, geometry: FrameGeometry, flip: bool
    ) -> Frame:
        """Loads a frame.

        Args:
          video: position in `videos`.
          frame: number of the frame in the video.
          objects: [N] int, positions in `tracks` of the video; all have a mask in the frame.
          geometry: how the frame is resized and padded.
          flip: mirror the masks.

        Raises:
          InputError: the frame or a mask cannot be used.
        """


class AnnotatedFolder:
    """An annotation file and the folder of its frames; see `FrameSource`."""

    def __init__(
        self,
        annotations: pathlib.Path | str,
        images: pathlib.Path | str,
        options: AnnotationOptions,
        *,
        halved_decoding: bool = False,
    ):
        """Reads the annotations and looks that every frame file exists.

        Args:
          annotations: file in OVIS format.
          images: folder that its file names are relative to.
          options: what to do with crowds and boxes.
          halved_decoding: frames of at least twice the size that is wanted are decoded at half
            theirs, which is faster, and not quite the same pixels.

        Raises:
          InputError: the file cannot be used or has no ground truth, all objects are crowds,
            boxes contradict masks, or frames are missing.
        """
        loaded = load_annotations(annotations)
        loaded.check_frames(images)
        loaded.check_ground_truth("to train on")
        loaded = objects_to_train_on(loaded, options, logging.warning)
        loaded = with_chosen_boxes(loaded, options, logging.warning)
        self.path, self.categories = loaded.path, loaded.categories
        self.videos = annotated_videos(loaded)
        self._instances = [loaded.instances_of(video.id) for video in loaded.videos]
        self._images, self._halved_decoding = pathlib.Path(images), halved_decoding

    def read(
        self, video: int, frame: int, objects: np.ndarray, *, geometry: FrameGeometry, flip: bool
    ) -> Frame:
        """See `FrameSource`."""
        record, instances = self.videos[video].video, self._instances[video]
        path = self._images / record.file_names[frame]
        rles = [instances[track].rle(frame) for track in self.videos[video].tracks[objects]]
        halved = self._halved_decoding and geometry.is_halved(record.width, record.height)
        return Frame(
            image=read_frame(path, record.width, record.height, halved=halved),
            masks=stacked_masks(rles, geometry, flip),
        )


def stacked_masks(rles: Sequence[dict], geometry: FrameGeometry, flip: bool) -> np.ndarray:
    """[N, H, W // 8] uint8, `transform_mask` of each mask."""
    masks = np.zeros((len(rles), geometry.canvas_height, geometry.canvas_width // 8), np.uint8)
    for slot, rle in enumerate(rles):
        masks[slot] = transform_mask(rle, geometry, flip=flip)
    return masks
