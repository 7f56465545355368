"""An annotated data set as training samples: one frame pair at a time, as numpy arrays."""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.data import order
from ovis_jax.data.clips import LoadedFrame, blank_pair, frame_pair
from ovis_jax.data.data_options import annotation_options
from ovis_jax.data.transforms import (
    FrameGeometry,
    training_geometry,
    transform_boxes,
    transform_image,
)
from ovis_jax.data.videos.index import FrameIndex, VideoObjects, count_dropped
from ovis_jax.data.videos.records import open_records
from ovis_jax.data.videos.sources import AnnotatedFolder, FrameSource
from ovis_jax.formats.errors import InputError
from ovis_jax.structures import FramePairs


@dataclasses.dataclass(frozen=True)
class Draw:
    """What chance decides about a sample.

    Attributes:
      sample: number of the query frame in the frame index.
      reference: frame of the same video.
      flip: mirror both frames.
    """

    sample: int
    reference: int
    flip: bool


@dataclasses.dataclass(frozen=True)
class _View:
    """One frame to load.

    Attributes:
      video: number of its video in the frame index.
      objects: of its video.
      frame: its number in the video.
      chosen: [N] int, positions in `objects.tracks` of the frame's objects.
      geometry: resized size and canvas.
      flip: mirror it.
    """

    video: int
    objects: VideoObjects
    frame: int
    chosen: np.ndarray
    geometry: FrameGeometry
    flip: bool


class TrainingData:
    """The training frames and objects of a data set.

    Attributes:
      num_samples: frames that can be a query frame.
      num_dropped: annotated objects (counted in every frame) beyond the capacity; never used.
      index: FrameIndex.
      path: where annotations come from, for messages.
      categories: sorted by id; label k of the model is `categories[k]`.
    """

    def __init__(self, data, capacity: int):
        """Opens `data.train_records`, or without it the raw folder.

        Of a raw folder, the annotations are read and every frame file is looked for.

        Args:
          data: `config.data`.
          capacity: most objects of a frame; of more, the largest are kept and a warning is logged.

        Raises:
          InputError: annotations or frames are missing or unusable, or a value makes no sense.
        """
        _check(data)
        self._source = _open_source(data)
        self.path = self._source.path
        self.index = FrameIndex(self._source.videos, self.path)
        self.num_samples = len(self.index)
        self.num_dropped = count_dropped(self.index.object_counts(), capacity, self.path)
        self.categories = tuple(self._source.categories)
        self._labels = {category.id: k for k, category in enumerate(self.categories)}
        self._capacity = capacity
        self._scale, self._multiple = tuple(data.image_scale), data.pad_multiple
        self._flip_probability = data.flip_probability
        self._window = data.reference_window if data.reference_sampling == "window" else None

    @property
    def num_categories(self) -> int:
        """Number of the model's labels."""
        return len(self.categories)

    def batches_per_epoch(self, batch_size: int) -> int:
        """Batches after which every sample was a query at least once."""
        return self.order(batch_size, seed=0).batches_per_epoch

    def order(self, batch_size: int, seed: int) -> order.BatchOrder:
        """The order in which samples are visited."""
        return order.BatchOrder(self.index.landscape, batch_size=batch_size, seed=seed)

    def describe(self, sample: int) -> str:
        """Names a sample in messages: "video 3 (horses/00007.jpg), frame 7"."""
        video, frame = self._objects(sample).video, int(self.index.frame[sample])
        return f"video {video.id} ({video.file_names[frame]}), frame {frame}"

    def geometry(self, sample: int) -> FrameGeometry:
        """Resized size and canvas of a sample's frames."""
        video = self._objects(sample).video
        return training_geometry(video.width, video.height, self._scale, self._multiple)

    def draw(self, seed: int, position: int, sample: int) -> Draw:
        """Draws for the row at `position = batch * batch_size + row` of the training run."""
        rng = order.draws(seed, position)
        frames = self.index.annotated_frames(self.index.video_index[sample])
        reference = order.draw_reference(rng, frames, self.index.frame[sample], self._window)
        return Draw(int(sample), reference, bool(rng.random() < self._flip_probability))

    def pair(self, draw: Draw) -> FramePairs:
        """Loads one frame pair; numpy arrays without batch axis.

        Raises:
          InputError: a frame or a mask cannot be used.
        """
        query = self._view(draw.sample, int(self.index.frame[draw.sample]), draw.flip)
        reference = self._view(draw.sample, draw.reference, draw.flip)
        query_frame, masks = self._read(query, query.chosen)
        reference_frame, _ = self._read(reference, reference.chosen[:0])
        return frame_pair(
            query_frame,
            reference_frame,
            labels=self._labels_of(query),
            masks=masks,
            geometry=query.geometry,
            capacity=self._capacity,
            sample=draw.sample,
        )

    def blank_pair(self, sample: int) -> FramePairs:
        """A pair of this sample's shapes, all zero and without valid slots."""
        return blank_pair(self.geometry(sample), self._capacity, sample)

    def _objects(self, sample: int) -> VideoObjects:
        return self.index.videos[self.index.video_index[sample]]

    def _view(self, sample: int, frame: int, flip: bool) -> _View:
        objects, video = self._objects(sample), int(self.index.video_index[sample])
        chosen = objects.in_frame(frame, self._capacity)
        return _View(video, objects, frame, chosen, self.geometry(sample), flip)

    def _read(self, view: _View, objects: np.ndarray) -> tuple[LoadedFrame, np.ndarray]:
        """The frame as the network sees it, and the masks of some objects."""
        frame = self._source.read(
            view.video, view.frame, objects, geometry=view.geometry, flip=view.flip
        )
        image = transform_image(frame.image, view.geometry, flip=view.flip)
        boxes = view.objects.boxes[view.chosen, view.frame]
        boxes = transform_boxes(boxes, view.geometry, flip=view.flip)
        return LoadedFrame(image, view.chosen, boxes), frame.masks

    def _labels_of(self, view: _View) -> np.ndarray:
        ids = view.objects.category_ids[view.chosen].tolist()
        return np.array([self._labels[category_id] for category_id in ids], np.int32)


def _open_source(data) -> FrameSource:
    options = annotation_options(data)
    if data.train_records:
        scale = tuple(data.image_scale)
        return open_records(data.train_records, data.train_split, scale, options)
    return AnnotatedFolder(
        data.train_annotations, data.train_images, options, halved_decoding=data.halved_decoding
    )


def _check(data) -> None:
    """Raises InputError for values of `config.data` that make no sense."""
    if data.reference_sampling not in ("window", "video"):
        raise InputError(
            f"config.data.reference_sampling: expected 'window' or 'video', "
            f"is {data.reference_sampling!r}"
        )
    if data.pad_multiple % 8:
        raise InputError(
            f"config.data.pad_multiple: expected a multiple of 8 (masks have eight pixels a byte), "
            f"is {data.pad_multiple}"
        )
