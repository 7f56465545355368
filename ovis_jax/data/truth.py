"""Annotated objects of whole videos, for oracles of prediction."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from ovis_jax.data.box_transforms import transform_boxes
from ovis_jax.data.transforms import FrameGeometry
from ovis_jax.data.videos.index import annotated_videos
from ovis_jax.formats.annotation_options import AnnotationOptions, with_chosen_boxes
from ovis_jax.formats.annotation_records import Instance, Video
from ovis_jax.formats.annotations import Annotations
from ovis_jax.structures import Instances


@dataclasses.dataclass(frozen=True)
class VideoTruth:
    """The annotated objects of one video.

    Attributes:
      instances: Instances [T, N, ...] of all frames, numpy, without masks; valid slots first. An
        object's identity is its place among those of the video, crowds included.
      annotated: these, in the order of the annotation file.
    """

    instances: Instances
    annotated: Sequence[Instance]

    def rle(self, frame: int, identity: int) -> dict:
        """Compressed mask of an object that is there in a frame, as it was annotated."""
        return self.annotated[identity].rle(frame)


class Truth:
    """The annotated objects of a data set. In a frame those count that training would see.

    Attributes:
      capacity: N, most objects of a frame of any video; at least 1.
    """

    def __init__(
        self,
        annotations: Annotations,
        category_ids: Sequence[int],
        options: AnnotationOptions,
        warn: Callable[[str], object],
        inclusive_boxes: bool = True,
    ):
        """Looks at every box once.

        Args:
          annotations: with ground truth.
          category_ids: of the model's labels, in their order.
          options: what to do with boxes.
          warn: takes warnings of boxes that contradict masks.
          inclusive_boxes: the second corner of a box is its last pixel, not the edge behind it.

        Raises:
          InputError: there is no ground truth, or boxes contradict masks.
        """
        annotations.check_ground_truth("for an oracle")
        self._inclusive = inclusive_boxes
        self._annotations = with_chosen_boxes(annotations, options, warn)
        videos = annotated_videos(self._annotations)
        self._objects = {own.video.id: own for own in videos}
        self._labels = {category_id: k for k, category_id in enumerate(category_ids)}
        counts = [own.counts.sum(axis=0).max(initial=0) for own in videos]
        self.capacity = max([1, *map(int, counts)])

    def of(self, video: Video, geometry: FrameGeometry) -> VideoTruth:
        """The objects of a video whose frames are resized in this way."""
        objects, capacity = self._objects[video.id], self.capacity
        shape = (video.length, capacity)
        instances = Instances(
            boxes=np.zeros((*shape, 4), np.float32),
            labels=np.zeros(shape, np.int32),
            identities=np.zeros(shape, np.int32),
            masks=None,
            valid=np.zeros(shape, bool),
        )
        labels = np.array([self._labels[k] for k in objects.category_ids.tolist()], np.int32)
        for frame in range(video.length):
            seen = np.flatnonzero(objects.counts[:, frame])
            boxes = objects.boxes[seen, frame]
            slots = (frame, slice(len(seen)))
            instances.boxes[slots] = transform_boxes(
                boxes, geometry, flip=False, inclusive=self._inclusive
            )
            instances.labels[slots] = labels[seen]
            instances.identities[slots] = objects.tracks[seen]
            instances.valid[slots] = True
        return VideoTruth(instances, self._annotations.instances_of(video.id))
