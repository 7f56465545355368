"""Which frames can be a training sample, and which objects count in them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from absl import logging

from ovis_jax.data.transforms import is_landscape
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS, Instance
from ovis_jax.formats.annotations import Annotations, Video
from ovis_jax.formats.errors import InputError
from ovis_jax.structures import UNKNOWN_OCCLUSION

_NUMBERS = {level: number for number, level in enumerate(OCCLUSION_LEVELS)}


@dataclasses.dataclass(frozen=True)
class VideoObjects:
    """The annotated objects of one video.

    Attributes:
      video: its record.
      tracks: [N] int, the objects' numbers among all of the video, in the order of the annotation
        file; ascending. Crowds are left out.
      category_ids: [N] int, as in the annotation file.
      boxes: [N, T, 4] float32 (x, y, width, height), NaN where absent.
      areas: [N, T] float32, zero where absent.
      counts: [N, T] bool: the object counts in the frame.
      occlusion: [N, T] int8, index into OCCLUSION_LEVELS, or UNKNOWN_OCCLUSION.
    """

    video: Video
    tracks: np.ndarray
    category_ids: np.ndarray
    boxes: np.ndarray
    areas: np.ndarray
    counts: np.ndarray
    occlusion: np.ndarray

    def in_frame(self, frame: int, capacity: int, shown: np.ndarray | None = None) -> np.ndarray:
        """Positions in `tracks`, ascending, of a frame's objects; the largest if too many.

        Args:
          frame: of the video.
          capacity: most objects.
          shown: [N] bool, the objects that may be among them; None: all.
        """
        counts = self.counts[:, frame]
        objects = np.flatnonzero(counts if shown is None else counts & shown)
        if len(objects) > capacity:
            by_area = np.argsort(-self.areas[objects, frame], kind="stable")
            objects = np.sort(objects[by_area[:capacity]])
        return objects


class FrameIndex:
    """All frames with at least one object that counts; their numbers are the sample numbers.

    An object counts in a frame where it has a mask and a box, its area is positive and its box is
    at least one pixel wide and high. Crowds never count, and neither do their masks.

    Attributes:
      videos: VideoObjects in the order of the annotation file.
      video_index: [S] int, each sample's position in `videos`; ascending.
      frame: [S] int, each sample's frame in its video; ascending within a video.
      landscape: [S] bool: wider than high.
    """

    def __init__(self, videos: Sequence[VideoObjects], path: str):
        """Looks which objects count.

        Args:
          videos: all of the data set.
          path: where they come from, for messages.

        Raises:
          InputError: no frame has an object.
        """
        self.videos = videos
        frames = [np.flatnonzero(v.counts.any(axis=0)) for v in self.videos]
        self.video_index = np.repeat(np.arange(len(frames)), [len(f) for f in frames])
        self.frame = np.concatenate([np.zeros(0, np.int64), *frames])
        if not len(self):
            raise InputError(f"{path}: annotations: no frame has an object to train on")
        wide = np.array([is_landscape(v.video.width, v.video.height) for v in self.videos])
        self.landscape = wide[self.video_index]

    def __len__(self) -> int:
        """Number of samples."""
        return len(self.frame)

    def annotated_frames(self, video_index: int) -> np.ndarray:
        """[F] int, the frames of a video that are samples, ascending."""
        first, end = np.searchsorted(self.video_index, [video_index, video_index + 1])
        return self.frame[first:end]

    def object_counts(self) -> np.ndarray:
        """[frames of all videos] int, the objects that count in each."""
        return np.concatenate([v.counts.sum(axis=0) for v in self.videos])


def count_dropped(object_counts: Sequence[int] | np.ndarray, capacity: int, path: str) -> int:
    """How many of the objects of all frames do not fit into `capacity`; warns if there are any.

    Args:
      object_counts: [F] objects of each frame.
      capacity: most objects of a frame.
      path: where they come from, for the warning.
    """
    excess = np.maximum(np.asarray(object_counts) - capacity, 0)
    dropped = int(excess.sum())
    if dropped:
        logging.warning(
            "%s: %d frames have more than %d objects; %d, the smallest ones, are left out",
            *(path, np.count_nonzero(excess), capacity, dropped),
        )
    return dropped


def annotated_videos(annotations: Annotations) -> list[VideoObjects]:
    """The objects of every video; looks at every box once and decodes no mask."""
    return [video_objects(annotations, video) for video in annotations.videos]


def video_objects(annotations: Annotations, video: Video) -> VideoObjects:
    """The objects of a video."""
    everything = annotations.instances_of(video.id)
    tracks = [track for track, instance in enumerate(everything) if not instance.iscrowd]
    instances = [everything[track] for track in tracks]
    shape = (len(instances), video.length)
    boxes = np.array([i.boxes for i in instances], np.float32).reshape(*shape, 4)
    areas = np.array([i.areas for i in instances], np.float32).reshape(shape)
    masks = [[entry is not None for entry in i.segmentations.entries] for i in instances]
    has_mask = np.array(masks, bool).reshape(shape)
    with np.errstate(invalid="ignore"):
        counts = has_mask & (areas > 0) & (boxes[..., 2:] >= 1).all(axis=-1)
    counts &= np.isfinite(boxes).all(axis=-1)
    return VideoObjects(
        video=video,
        tracks=np.array(tracks, np.int64),
        category_ids=np.array([i.category_id for i in instances], np.int64),
        boxes=boxes,
        areas=np.nan_to_num(areas),
        counts=counts,
        occlusion=np.array([_levels(i) for i in instances], np.int8).reshape(shape),
    )


def _levels(instance: Instance) -> list[int]:
    labels = instance.occlusion or [None] * len(instance.boxes)
    return [UNKNOWN_OCCLUSION if label is None else _NUMBERS[label] for label in labels]
