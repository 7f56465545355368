"""Frames and masks from the records of a data set that `ovis_jax.data.tfds` built."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence

import cv2
import numpy as np

from ovis_jax.data.augment.settings import NO_AUGMENTATION, Augmentation
from ovis_jax.data.frame_files import decode_frame
from ovis_jax.data.packed_masks import PackedMask, place_mask
from ovis_jax.data.transforms import FrameGeometry, Resizing
from ovis_jax.data.videos.built_folder import read_built_folder
from ovis_jax.data.videos.example_messages import parse_features
from ovis_jax.data.videos.record_files import ArrayRecordFiles, TFRecordFiles
from ovis_jax.data.videos.record_index import RecordIndex, index_path, read_index
from ovis_jax.data.videos.sources import Frame, FrameSource, stacked_masks
from ovis_jax.formats.annotation_options import AnnotationOptions
from ovis_jax.formats.annotations import Video
from ovis_jax.formats.crowds import crowd_note
from ovis_jax.formats.errors import InputError

_READERS = {"array_record": ArrayRecordFiles, "tfrecord": TFRecordFiles}


def open_records(
    folder: pathlib.Path | str,
    split: str,
    resizing: Resizing,
    options: AnnotationOptions | None = None,
    augmentation: Augmentation = NO_AUGMENTATION,
) -> FrameSource:
    """Opens a split of a built data set to train on.

    Args:
      folder: of one configuration and version, such as `tensorflow_datasets/ovis/frames/1.0.0`.
      split: its name.
      resizing: of the frames; prepared records must have been made for it.
      options: what the records must have been built with; None: anything.
      augmentation: of clips; of prepared records it may change colours alone.

    Raises:
      InputError: the folder holds no such data set, or it cannot be trained on.
    """
    built = read_built_folder(folder)
    if split not in built.splits:
        known = ", ".join(built.splits)
        raise InputError(f"{folder}: no split {split!r}, expected one of {known}")
    index = read_index(index_path(folder, split))
    if not index.has_ground_truth:
        raise InputError(f"{folder}: {split}: expected objects to train on, has no annotations")
    _check_resizing(folder, index, resizing)
    if index.prepared and augmentation.moves_frames:
        raise InputError(
            f"{folder}: frames are prepared for one size, config.data.augment draws sizes or parts "
            "of frames; expected augment.colors alone, or records of whole frames"
        )
    _check_options(f"{folder}: {split}", index, options)
    if built.file_format not in _READERS:
        expected = " or ".join(_READERS)
        raise InputError(f"{folder}: files of the format {built.file_format}, expected {expected}")
    files = _READERS[built.file_format](built.splits[split])
    path = f"{folder} ({split})"
    expected = index.first_records()[-1]
    if len(files) != expected:
        raise InputError(f"{path}: {len(files)} records, the index says {expected}")
    return (PreparedRecords if index.prepared else FrameRecords)(path, index, files)


def _check_resizing(folder: pathlib.Path | str, index: RecordIndex, resizing: Resizing) -> None:
    """Raises InputError if frames were prepared otherwise than they are to be resized."""
    if not index.prepared:
        return
    scale = resizing.image_scale
    if sorted(index.prepared) != sorted(scale):
        raise InputError(
            f"{folder}: frames prepared for {index.prepared}, config.data.image_scale is {scale}"
        )
    usual = Resizing(scale)
    for field in ("fit", "resampling"):
        prepared, wanted = (getattr(each, field) for each in (usual, resizing))
        if prepared != wanted:
            raise InputError(
                f"{folder}: frames prepared with {prepared!r}, config.data.resize.{field} is "
                f"{wanted!r}"
            )


def _check_options(path: str, index: RecordIndex, options: AnnotationOptions | None) -> None:
    """Raises InputError if records were built with other crowds or boxes, or of crowds alone."""
    if options is not None and options.crowds_are_objects and not index.crowds_are_objects:
        raise InputError(
            f"{path}: was built without --crowds-are-objects, which {options.names.crowds} needs"
        )
    if options is not None and options.boxes == "masks" and index.boxes != "masks":
        raise InputError(
            f"{path}: was built without --boxes-from-masks, which {options.names.boxes} needs"
        )
    objects = sum(len(video.tracks) for video in index.videos)
    if index.num_crowds and not objects:
        note = crowd_note(path, index.num_crowds, index.num_crowds, "--crowds-are-objects")
        raise InputError(f"{note}, when the records are built")


class FrameRecords:
    """Records of original frames with compressed masks; see `FrameSource`."""

    def __init__(self, path: str, index: RecordIndex, files: Sequence[bytes]):
        """Takes what was opened.

        Args:
          path: for messages.
          index: of the split.
          files: its records.
        """
        self.path, self.categories, self.videos = path, index.categories, index.videos
        self._first, self._files = index.first_records(), files

    def read(
        self, video: int, frame: int, objects: np.ndarray, *, geometry: FrameGeometry, flip: bool
    ) -> Frame:
        """See `FrameSource`."""
        record, features = self.videos[video].video, self._features(video, frame)
        name = f"{self.path}: {record.file_names[frame]}"
        image = decode_frame(_bytes(features, "image")[0], name, record.width, record.height)
        counts, size = _bytes(features, "objects/mask"), [record.height, record.width]
        slots = self._slots(features, video, objects)
        rles = [{"size": size, "counts": counts[slot].decode("ascii")} for slot in slots]
        return Frame(image=image, masks=stacked_masks(rles, geometry, flip))

    def _features(self, video: int, frame: int) -> dict:
        """The contents of a frame's record.

        Raises:
          InputError: it is damaged, or of another frame.
        """
        record, number = self.videos[video].video, int(self._first[video]) + frame
        try:
            features = parse_features(self._files[number])
            found = (_integers(features, "video_id")[0], _integers(features, "frame")[0])
        except (IndexError, ValueError) as error:
            raise InputError(f"{self.path}: record {number} is damaged ({error})") from error
        if found != (record.id, frame):
            raise InputError(
                f"{self.path}: record {number} is of video {found[0]}, frame {found[1]}; "
                f"expected video {record.id}, frame {frame}"
            )
        return features

    def _slots(self, features: dict, video: int, objects: np.ndarray) -> list[int]:
        """Where a record has the objects."""
        slots = {track: slot for slot, track in enumerate(_integers(features, "objects/track"))}
        return [slots[track] for track in self.videos[video].tracks[objects].tolist()]


class PreparedRecords(FrameRecords):
    """Records of resized frames with packed masks; see `FrameSource`."""

    def read(
        self, video: int, frame: int, objects: np.ndarray, *, geometry: FrameGeometry, flip: bool
    ) -> Frame:
        """See `FrameSource`; the image is resized already."""
        features = self._features(video, frame)
        masks = np.zeros(
            (len(objects), geometry.canvas_height, geometry.canvas_width // 8), np.uint8
        )
        for canvas, slot in zip(masks, self._slots(features, video, objects), strict=True):
            place_mask(_packed_mask(features, slot), canvas, geometry.width, flip=flip)
        image = self._image(features, self.videos[video].video, geometry)
        return Frame(image=image, masks=masks)

    def _image(self, features: dict, video: Video, geometry: FrameGeometry) -> np.ndarray:
        if "image/value" in features:  # as they are
            shape = _integers(features, "image/shape")
            image = np.frombuffer(_bytes(features, "image/value")[0], np.uint8).reshape(shape)
        else:
            content = np.frombuffer(_bytes(features, "image")[0], np.uint8)
            image = cv2.imdecode(content, cv2.IMREAD_COLOR_RGB)
        if image.shape != (geometry.height, geometry.width, 3):
            raise InputError(
                f"{self.path}: video {video.id}: frames of {image.shape[1]}x{image.shape[0]} "
                f"pixels, expected {geometry.width}x{geometry.height}"
            )
        return image


def _packed_mask(features: dict, slot: int) -> PackedMask:
    rows, columns = (
        tuple(_integers(features, f"objects/mask_{side}")[2 * slot : 2 * slot + 2])
        for side in ("rows", "columns")
    )
    return PackedMask(rows, columns, _bytes(features, "objects/mask")[slot])


def _bytes(features: dict, name: str) -> Sequence[bytes]:
    return features[name].bytes_list.value


def _integers(features: dict, name: str) -> Sequence[int]:
    return features[name].int64_list.value
