"""An annotated data set as training samples: one clip at a time, as numpy arrays."""

from __future__ import annotations

import dataclasses

import numpy as np

from ovis_jax.data import order
from ovis_jax.data.augment.colors import change_colors
from ovis_jax.data.augment.views import View, Views
from ovis_jax.data.box_transforms import transform_boxes, visible_boxes
from ovis_jax.data.clips import LoadedFrame, blank_clip, make_clip
from ovis_jax.data.settings import Sampling, VideoFolder, VideoRecords
from ovis_jax.data.transforms import FrameGeometry, resize_and_flip
from ovis_jax.data.videos.index import FrameIndex, VideoObjects, count_dropped
from ovis_jax.data.videos.records import open_records
from ovis_jax.data.videos.sources import AnnotatedFolder, FrameSource
from ovis_jax.structures import UNKNOWN_OCCLUSION, Clips


@dataclasses.dataclass(frozen=True)
class Draw:
    """What chance decides about a sample.

    Attributes:
      sample: number of the query frame in the frame index.
      frames: T frames of its video in the order of `ClipFrames.draw`.
      flip: mirror all of them.
      view: how all of them are shown.
    """

    sample: int
    frames: tuple[int, ...]
    flip: bool
    view: View


@dataclasses.dataclass(frozen=True)
class _Look:
    """One frame to load.

    Attributes:
      video: number of its video in the frame index.
      objects: of its video.
      frame: its number in the video.
      chosen: [N] int, positions in `objects.tracks` of the frame's objects.
      view: how it is shown.
      flip: mirror it.
    """

    video: int
    objects: VideoObjects
    frame: int
    chosen: np.ndarray
    view: View
    flip: bool


class TrainingData:
    """The training frames and objects of a data set.

    Attributes:
      num_samples: frames that can be a query frame.
      num_dropped: annotated objects (counted in every frame) beyond the capacity; never used.
      index: FrameIndex.
      path: where annotations come from, for messages.
      categories: sorted by id; label k of the model is `categories[k]`.
      num_identities: objects of all videos, crowds left out; identities are their numbers, in the
        order of the videos and of the objects in each.
      has_occlusion_levels: some object is annotated with its level of occlusion.
    """

    def __init__(self, videos: VideoFolder | VideoRecords, sampling: Sampling, capacity: int):
        """Opens the videos; of a folder, looks that every frame file exists.

        Args:
          videos: where they are.
          sampling: how they become clips.
          capacity: most objects of a frame; of more, the largest are kept and a warning is logged.

        Raises:
          InputError: annotations or frames are missing or unusable.
        """
        self._source = _open_source(videos, sampling)
        self.path = self._source.path
        self.index = FrameIndex(self._source.videos, self.path)
        self.num_samples = len(self.index)
        self.num_dropped = count_dropped(self.index.object_counts(), capacity, self.path)
        self.categories = tuple(self._source.categories)
        ends = np.cumsum([len(objects.tracks) for objects in self.index.videos])
        self._first_identity, self.num_identities = [0, *ends[:-1].tolist()], int(ends[-1])
        self.has_occlusion_levels = any(
            (objects.occlusion[objects.counts] != UNKNOWN_OCCLUSION).any()
            for objects in self.index.videos
        )
        self._labels = {category.id: k for k, category in enumerate(self.categories)}
        self._sampling, self._shape = sampling, sampling.frames.shape(capacity)
        self._views = Views(sampling.resizing, sampling.augmentation)

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

    def canvas(self, sample: int) -> tuple[int, int]:
        """(height, width) of a sample's padded frames, whatever is drawn."""
        video = self._objects(sample).video
        return self._views.canvas(video.width, video.height)

    def draw(self, seed: int, position: int, sample: int) -> Draw:
        """Draws for the row at `position = batch * batch_size + row` of the training run."""
        rng = order.draws(seed, position)
        with_objects = self.index.annotated_frames(self.index.video_index[sample])
        # A clip goes from one annotated frame to the next; of the frames between nothing is known.
        annotated = np.flatnonzero(self._objects(sample).video.is_annotated())
        query = int(np.searchsorted(annotated, self.index.frame[sample]))
        places = np.searchsorted(annotated, with_objects)
        chosen = self._sampling.frames.draw(rng, places, query, len(annotated))
        frames = tuple(annotated[list(chosen)].tolist())
        flip = bool(rng.random() < self._sampling.flip_probability)
        view = self._draw_view(order.view_draws(seed, position), sample, flip)
        return Draw(int(sample), frames, flip, view)

    def clip(self, draw: Draw) -> Clips:
        """Loads one clip; numpy arrays without batch axis.

        Raises:
          InputError: a frame or a mask cannot be used.
        """
        looks = self._looks(draw)
        with_masks = [t < self._shape.mask_frames for t in range(len(looks))]
        frames = [self._load(*each) for each in zip(looks, with_masks, strict=True)]
        return make_clip(frames, draw.view.geometry, self._shape, draw.sample)

    def blank_clip(self, sample: int) -> Clips:
        """A clip of this sample's shapes, all zero and without valid slots."""
        return blank_clip(self.canvas(sample), self._shape, sample)

    def _objects(self, sample: int) -> VideoObjects:
        return self.index.videos[self.index.video_index[sample]]

    def _draw_view(self, rng: np.random.Generator, sample: int, flip: bool) -> View:
        objects, frame = self._objects(sample), int(self.index.frame[sample])
        boxes = objects.boxes[objects.counts[:, frame], frame]

        def shows_object(geometry: FrameGeometry) -> bool:
            return bool(visible_boxes(boxes, geometry, flip=flip).any())

        return self._views.draw(rng, objects.video.width, objects.video.height, shows_object)

    def _looks(self, draw: Draw) -> list[_Look]:
        objects, video = self._objects(draw.sample), int(self.index.video_index[draw.sample])
        chosen = [self._shown(objects, frame, draw) for frame in draw.frames]
        return [
            _Look(video, objects, frame, some, draw.view, draw.flip)
            for frame, some in zip(draw.frames, chosen, strict=True)
        ]

    def _shown(self, objects: VideoObjects, frame: int, draw: Draw) -> np.ndarray:
        """Positions in `tracks` of the objects that a frame shows; the largest if too many."""
        geometry, capacity = draw.view.geometry, self._shape.capacity
        if not geometry.is_moved:
            return objects.in_frame(frame, capacity)
        boxes = np.nan_to_num(objects.boxes[:, frame])
        return objects.in_frame(frame, capacity, visible_boxes(boxes, geometry, flip=draw.flip))

    def _load(self, look: _Look, with_masks: bool) -> LoadedFrame:
        """The frame as the network sees it."""
        geometry, flip = look.view.geometry, look.flip
        frame = self._source.read(
            look.video,
            look.frame,
            look.chosen if with_masks else look.chosen[:0],
            geometry=geometry,
            flip=flip,
        )
        chosen, masks = look.chosen, frame.masks if with_masks else None
        if geometry.is_moved and with_masks:  # a box reaches farther than its object
            left = masks.any(axis=(1, 2))
            chosen, masks = chosen[left], masks[left]
        image = resize_and_flip(frame.image, geometry, flip=flip)
        boxes, inclusive = look.objects.boxes[chosen, look.frame], self._sampling.inclusive_boxes
        return LoadedFrame(
            image=change_colors(image, look.view.colors),
            identities=self._first_identity[look.video] + chosen,
            labels=self._labels_of(look.objects, chosen),
            boxes=transform_boxes(boxes, geometry, flip=flip, inclusive=inclusive),
            occlusion=look.objects.occlusion[chosen, look.frame],
            masks=masks,
        )

    def _labels_of(self, objects: VideoObjects, chosen: np.ndarray) -> np.ndarray:
        ids = objects.category_ids[chosen].tolist()
        return np.array([self._labels[category_id] for category_id in ids], np.int32)


def _open_source(videos: VideoFolder | VideoRecords, sampling: Sampling) -> FrameSource:
    if isinstance(videos, VideoRecords):
        return open_records(
            videos.folder,
            videos.split,
            sampling.resizing,
            sampling.annotation_options,
            sampling.augmentation,
        )
    return AnnotatedFolder(
        videos.annotations,
        videos.images,
        sampling.annotation_options,
        halved_decoding=videos.halved_decoding,
    )
