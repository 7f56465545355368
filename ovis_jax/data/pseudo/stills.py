"""Images with COCO annotations: pictures with masks, and objects to cut out of them."""

from __future__ import annotations

import dataclasses
import pathlib
from collections.abc import Mapping, Sequence

import numpy as np
from absl import logging

from ovis_jax.data.frame_files import read_frame
from ovis_jax.data.pseudo.clip import Cutout, Still
from ovis_jax.data.pseudo.paste import cut_out
from ovis_jax.data.settings import StillImages
from ovis_jax.data.videos.index import count_dropped
from ovis_jax.formats.annotation_options import (
    AnnotationOptions,
    objects_to_train_on,
    warn_of_boxes,
)
from ovis_jax.formats.annotations import Annotations, Category, Instance, Video
from ovis_jax.formats.categories import label_map
from ovis_jax.formats.coco_images import load_coco
from ovis_jax.formats.errors import InputError

_MIN_CUTOUT = 32 * 32  # pixels of an object that is worth pasting: COCO's "medium" and larger


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image and its objects.

    Attributes:
      record: of the image, as of a video of one frame.
      objects: those with a label, without crowds; at least one.
    """

    record: Video
    objects: tuple[Instance, ...]


class CocoStills:
    """The images of a data set that show objects with a label.

    Attributes:
      pictures: in the order of the annotation file.
      num_dropped: objects beyond the capacity, of all pictures; never used.
      path: of the annotation file, for messages.
    """

    def __init__(
        self,
        annotations: Annotations,
        images: pathlib.Path | str,
        labels: Mapping[int, int],
        *,
        capacity: int,
    ):
        """Looks that every image file exists.

        Args:
          annotations: of `load_coco`.
          images: folder of the image files.
          labels: from category ids to labels; objects of other categories are left out.
          capacity: of the objects of an image, so many of the largest are kept.

        Raises:
          InputError: there is no ground truth or nothing in it to train on, or images are missing.
        """
        self.path = annotations.path
        annotations.check_ground_truth("to train on")
        annotations.check_frames(images)
        self._labels, self._images = dict(labels), pathlib.Path(images)
        chosen = ((video, self._objects(annotations, video)) for video in annotations.videos)
        chosen = [(video, objects) for video, objects in chosen if objects]
        self.pictures = [Picture(video, objects[:capacity]) for video, objects in chosen]
        if not self.pictures:
            raise InputError(f"{self.path}: annotations: no object of the model's categories")
        counts = [len(objects) for _, objects in chosen]
        self.num_dropped = count_dropped(counts, capacity, self.path)
        places = (
            (number, place)
            for number, picture in enumerate(self.pictures)
            for place, instance in enumerate(picture.objects)
            if instance.areas[0] >= _MIN_CUTOUT
        )
        self._cutouts = np.array(list(places), np.int64).reshape(-1, 2)

    def load(self, number: int) -> tuple[Still, np.ndarray]:
        """Reads a picture: its pixels, and the label of each object, [N] int32.

        Raises:
          InputError: the file is missing, damaged or of another size.
        """
        picture = self.pictures[number]
        masks = np.array([instance.mask(0) for instance in picture.objects]).astype(bool)
        return Still(self._read(picture), masks), self._labels_of(picture.objects)

    def draw_cutout(self, rng: np.random.Generator) -> tuple[Cutout, int] | None:
        """Cuts out an object of any picture; also gives its label. None if all are too small."""
        if not len(self._cutouts):
            return None
        number, place = self._cutouts[rng.integers(len(self._cutouts))]
        picture = self.pictures[number]
        instance = picture.objects[place]
        mask = instance.mask(0).astype(bool)
        if not mask.any():  # the area in the file is wrong
            return None
        return cut_out(self._read(picture), mask), self._labels[instance.category_id]

    def _objects(self, annotations: Annotations, video: Video) -> tuple[Instance, ...]:
        """The objects that count, largest first."""
        usable = (
            instance
            for instance in annotations.instances_of(video.id)
            if not instance.iscrowd
            and instance.category_id in self._labels
            and instance.segmentations.entries[0] is not None
            and instance.areas[0] > 0
        )
        return tuple(sorted(usable, key=lambda instance: -instance.areas[0]))

    def _read(self, picture: Picture) -> np.ndarray:
        record = picture.record
        return read_frame(self._images / record.file_names[0], record.width, record.height)

    def _labels_of(self, objects: Sequence[Instance]) -> np.ndarray:
        return np.array([self._labels[instance.category_id] for instance in objects], np.int32)


def open_stills(
    source: StillImages,
    categories: Sequence[Category],
    *,
    capacity: int,
    options: AnnotationOptions,
) -> CocoStills:
    """Reads a COCO annotation file; its objects get the labels 0 … K - 1 of K `categories`.

    Args:
      source: where the images are, and which categories count.
      categories: of the model, in the order of its labels.
      capacity: most objects of an image.
      options: what to do with crowds; boxes are not used.

    Raises:
      InputError: as `load_stills` and `CocoStills`, or a name is in neither file.
    """
    loaded = load_stills(source.annotations, options)
    labels = chosen_labels(loaded.categories, categories, source.categories, loaded.path)
    return CocoStills(loaded, source.images, labels, capacity=capacity)


def load_stills(path: pathlib.Path | str, options: AnnotationOptions) -> Annotations:
    """Reads a COCO annotation file for `CocoStills`; warns of boxes that contradict masks.

    Raises:
      InputError: as `load_coco`, or all objects are crowds.
    """
    loaded = objects_to_train_on(load_coco(path), options, logging.warning)
    warn_of_boxes(loaded, logging.warning)
    return loaded


def chosen_labels(
    source: Sequence[Category],
    target: Sequence[Category],
    names: Sequence[tuple[str, str]],
    path: str,
) -> dict[int, int]:
    """From category ids of `source` to positions in `target`.

    Args:
      source: categories of the images.
      target: categories of the model, in the order of its labels.
      names: pairs of a name of `source` and one of `target`; without any, as `label_map` says.
      path: of the annotations of the images, for messages.

    Raises:
      InputError: a name is in neither.
    """
    if not names:
        positions = {category.id: label for label, category in enumerate(target)}
        return {theirs: positions[ours] for theirs, ours in label_map(source, target).items()}
    field = "config.data.pseudo_video.categories"
    ids = {category.name: category.id for category in source}
    labels = {category.name: label for label, category in enumerate(target)}
    for theirs, ours in names:
        if theirs not in ids:
            raise InputError(f"{field}: {theirs!r} is no category of {path}")
        if ours not in labels:
            raise InputError(f"{field}: {ours!r} is no category of the model")
    return {ids[theirs]: labels[ours] for theirs, ours in names}
