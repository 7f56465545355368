"""Annotated videos → examples of a data set, and the features that describe them.

Boxes are (x, y, width, height) in pixels of the original frame. A mask is the `counts` string of
its compressed COCO run lengths; in prepared frames it is packed bits, see `packed_masks`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import tensorflow_datasets as tfds

from ovis_jax.data.frame_files import decode_frame
from ovis_jax.data.mask_sampling import sample_mask
from ovis_jax.data.mask_transforms import nearest_source
from ovis_jax.data.packed_masks import pack_mask
from ovis_jax.data.tfds.manual_download import FrameFiles
from ovis_jax.data.tfds.records_config import RecordsConfig
from ovis_jax.data.transforms import FrameGeometry, Resizing, frame_geometry, resize_image
from ovis_jax.formats.annotation_records import OCCLUSION_LEVELS, Instance, Video

_UNLABELLED = "unlabelled"
_LEVELS = (_UNLABELLED, *OCCLUSION_LEVELS)


@dataclasses.dataclass(frozen=True)
class AnnotatedVideo:
    """A video to make examples of.

    Attributes:
      number: its position in the split.
      first_frame: number of frames of the videos before it.
      video: its record.
      instances: its objects, crowds too.
    """

    number: int
    first_frame: int
    video: Video
    instances: Sequence[Instance]


def features(config: RecordsConfig) -> tfds.features.FeaturesDict:
    """What an example holds; the names of the categories are not known yet."""
    if config.example == "video":
        return _video_features()
    return _frame_features(config)


def category_feature(example: tfds.features.FeaturesDict) -> tfds.features.ClassLabel:
    """The feature that the names of the categories belong to."""
    return example["objects"].feature["category"]


def examples(
    video: AnnotatedVideo, files: FrameFiles, labels: dict[int, int], config: RecordsConfig
) -> Iterator[tuple[int, dict]]:
    """The examples of a video, each with its position in the split.

    Args:
      video: what is known of it.
      files: the frames.
      labels: category ids → labels.
      config: what an example is.

    Raises:
      InputError: a frame cannot be used.
    """
    if config.example == "video":
        yield video.number, _video_example(video, files, labels)
        return
    for frame in range(video.video.length):
        if config.example == "frame":
            example = _frame_example(video, frame, files, labels)
        else:
            example = _prepared_example(video, frame, files, labels, config)
        yield video.first_frame + frame, example


def _frame_features(config: RecordsConfig) -> tfds.features.FeaturesDict:
    mask = {"mask": tfds.features.Text(doc="counts of the compressed run lengths")}
    image = tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")
    if config.example == "prepared_frame":
        mask = {
            "mask": tfds.features.Scalar(np.object_, doc="bits, eight columns a byte"),
            "mask_rows": tfds.features.Tensor(shape=(2,), dtype=np.int32, doc="first, end"),
            "mask_columns": tfds.features.Tensor(
                shape=(2,), dtype=np.int32, doc="first, end; in bytes"
            ),
        }
        image = tfds.features.Image(shape=(None, None, 3), encoding_format="png")
        if config.image_encoding == "raw":
            image = tfds.features.Tensor(shape=(None, None, 3), dtype=np.uint8, encoding="bytes")
    objects = {
        "track": tfds.features.Scalar(np.int32, doc="number of the object in its video"),
        "id": tfds.features.Text(),
        "category": tfds.features.ClassLabel(),
        "is_crowd": tfds.features.Scalar(np.bool_),
        "box": tfds.features.Tensor(shape=(4,), dtype=np.float32, doc="x, y, width, height"),
        "area": tfds.features.Scalar(np.float32),
        "occlusion": tfds.features.ClassLabel(names=_LEVELS),
        **mask,
    }
    return tfds.features.FeaturesDict(
        {
            "image": image,
            "video_id": tfds.features.Scalar(np.int64),
            "frame": tfds.features.Scalar(np.int32),
            "file_name": tfds.features.Text(),
            "objects": tfds.features.Sequence(objects, doc="with a mask in this frame"),
        }
    )


def _video_features() -> tfds.features.FeaturesDict:
    sequence = tfds.features.Sequence
    objects = {
        "id": tfds.features.Text(),
        "category": tfds.features.ClassLabel(),
        "is_crowd": tfds.features.Scalar(np.bool_),
        "boxes": sequence(
            tfds.features.Tensor(shape=(4,), dtype=np.float32), doc="NaN where absent"
        ),
        "areas": sequence(np.float32, doc="0 where absent"),
        "occlusion": sequence(tfds.features.ClassLabel(names=_LEVELS)),
        "masks": sequence(tfds.features.Text(), doc="empty where absent"),
    }
    return tfds.features.FeaturesDict(
        {
            "frames": sequence(tfds.features.Image(shape=(None, None, 3), encoding_format="jpeg")),
            "video_id": tfds.features.Scalar(np.int64),
            "file_names": sequence(tfds.features.Text()),
            "objects": sequence(objects),
        }
    )


def _video_example(video: AnnotatedVideo, files: FrameFiles, labels: dict[int, int]) -> dict:
    names = video.video.file_names
    return {
        "frames": [files.read(name) for name in names],
        "video_id": video.video.id,
        "file_names": list(names),
        "objects": [
            {
                "id": str(instance.id),
                "category": labels[instance.category_id],
                "is_crowd": instance.iscrowd,
                "boxes": list(instance.boxes.astype(np.float32)),
                "areas": list(instance.areas.astype(np.float32)),
                "occlusion": [_occlusion(instance, frame) for frame in range(len(names))],
                "masks": [_counts(instance, frame) for frame in range(len(names))],
            }
            for instance in video.instances
        ],
    }


def _frame_example(
    video: AnnotatedVideo, frame: int, files: FrameFiles, labels: dict[int, int]
) -> dict:
    name = video.video.file_names[frame]
    return {
        "image": files.read(name),
        "video_id": video.video.id,
        "frame": frame,
        "file_name": name,
        "objects": [
            _object(track, instance, frame, labels) | {"mask": _counts(instance, frame)}
            for track, instance in _visible(video, frame)
        ],
    }


def _prepared_example(
    video: AnnotatedVideo,
    frame: int,
    files: FrameFiles,
    labels: dict[int, int],
    config: RecordsConfig,
) -> dict:
    record, name = video.video, video.video.file_names[frame]
    geometry = frame_geometry(record.width, record.height, Resizing(config.image_scale))
    image = decode_frame(files.read(name), files.describe(name), record.width, record.height)
    image = resize_image(image, geometry)
    return {
        "image": image if config.image_encoding == "raw" else _png(image),
        "video_id": record.id,
        "frame": frame,
        "file_name": name,
        "objects": [
            _object(track, instance, frame, labels) | _packed(instance.rle(frame), geometry)
            for track, instance in _visible(video, frame)
        ],
    }


def _visible(video: AnnotatedVideo, frame: int) -> Iterator[tuple[int, Instance]]:
    """The objects with a mask in a frame, each with its number in the video."""
    for track, instance in enumerate(video.instances):
        if instance.segmentations.entries[frame] is not None:
            yield track, instance


def _object(track: int, instance: Instance, frame: int, labels: dict[int, int]) -> dict:
    return {
        "track": track,
        "id": str(instance.id),
        "category": labels[instance.category_id],
        "is_crowd": instance.iscrowd,
        "box": instance.boxes[frame].astype(np.float32),
        "area": np.float32(instance.areas[frame]),
        "occlusion": _occlusion(instance, frame),
    }


def _packed(rle: dict, geometry: FrameGeometry) -> dict:
    height, width = rle["size"]
    rows, columns = nearest_source(height, geometry.height), nearest_source(width, geometry.width)
    mask = pack_mask(sample_mask(rle, rows, columns))
    return {
        "mask": mask.bits,
        "mask_rows": np.array(mask.rows, np.int32),
        "mask_columns": np.array(mask.columns, np.int32),
    }


def _occlusion(instance: Instance, frame: int) -> str:
    return (instance.occlusion and instance.occlusion[frame]) or _UNLABELLED


def _counts(instance: Instance, frame: int) -> str:
    rle = instance.rle(frame)
    return "" if rle is None else rle["counts"]


def _png(image: np.ndarray) -> bytes:
    return cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))[1].tobytes()
