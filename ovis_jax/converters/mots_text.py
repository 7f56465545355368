"""MOTS text files, one for each video: ground truth and results of KITTI MOTS and MOTSChallenge.

    frame object_id class_id height width rle

An object's number is 1000 * class + n, 10000 a region to ignore. A pixel belongs to one object.
Frames count from 0 (KITTI MOTS) or from 1 (MOTSChallenge).
"""

from __future__ import annotations

import pathlib

import numpy as np

from ovis_jax.converters.clips import Clip, annotations_of
from ovis_jax.converters.mots_files import (
    MotsFile,
    first_frame,
    read_file,
    text_files,
)
from ovis_jax.converters.mots_frames import frames_of
from ovis_jax.converters.sources import Sources
from ovis_jax.converters.written_names import video_names
from ovis_jax.formats import rle
from ovis_jax.formats.annotations import Annotations, Instance, Video
from ovis_jax.formats.atomic import write_text
from ovis_jax.formats.errors import InputError

_PER_CATEGORY, IGNORED = 1000, 10000
_IGNORED_CATEGORY = 10


def read(path: pathlib.Path, sources: Sources) -> Annotations:
    """Reads a file, or all files of a folder; regions to ignore are left out.

    Raises:
      InputError: a file cannot be used, the first frame is in doubt, or a category is none of
        those given.
    """
    files = [read_file(file, name) for name, file in text_files(path)]
    first = first_frame(files, sources, path)
    clips = [_clip(file, first, sources) for file in files]
    ids = {m.class_id for file in files for m in file.masks if m.object_id != IGNORED}
    return annotations_of(clips, sources.categories_of_ids(ids, path), path)


def write(path: pathlib.Path, annotations: Annotations) -> list[str]:
    """Writes a file for each video; frames count from 0, crowds become regions to ignore.

    Returns:
      What was lost.

    Raises:
      InputError: a category id is less than 1, or a video has more than 999 objects.
    """
    for category in annotations.categories:
        if category.id < 1:
            raise InputError(f"{annotations.path}: category id {category.id}: MOTS counts from 1")
    shared, open_ends = 0, 0
    for video, name in zip(annotations.videos, video_names(annotations.videos), strict=True):
        objects = _in_drawing_order(annotations, video)
        numbers = _numbers(objects, video, annotations.path)
        lines = []
        for frame in range(video.length):
            drawn, overlap = _frame_lines(objects, numbers, video, frame)
            shared += overlap
            lines.append(drawn)
        open_ends += not lines[-1]
        text = "".join(f"{line}\n" for drawn in lines for line in drawn)
        write_text(path / f"{name}.txt", text)
    return _lost(annotations, shared, open_ends)


def _clip(file: MotsFile, first: int, sources: Sources) -> Clip:
    """The objects of one file."""
    last = max((mask.frame for mask in file.masks), default=first - 1)
    names, (width, height) = frames_of(file, first, last, sources)
    clip, categories, ignored = Clip(names, width, height), {}, 0
    for mask in file.masks:
        if mask.object_id == IGNORED:
            ignored += 1
            continue
        known = categories.setdefault(mask.object_id, mask.class_id)
        if known != mask.class_id:
            raise InputError(
                f"{mask.where}: object {mask.object_id} is of class {mask.class_id}, before {known}"
            )
        if clip.has(mask.object_id, mask.frame - first):
            raise InputError(f"{mask.where}: object {mask.object_id} is twice in this frame")
        clip.add(mask.object_id, mask.class_id, mask.frame - first, mask.rle)
    if ignored:
        sources.note("regions to ignore are left out")
    return clip


def _in_drawing_order(annotations: Annotations, video: Video) -> list[Instance]:
    """Crowds, then objects in the order of the file, then results, the surest last."""
    return sorted(
        annotations.instances_of(video.id),
        key=lambda i: (not i.iscrowd, -np.inf if i.score is None else i.score),
    )


def _numbers(objects: list[Instance], video: Video, path: str) -> list[int]:
    """The number of each object, in the order of their ids in the file."""
    if sum(not instance.iscrowd for instance in objects) >= _PER_CATEGORY:
        raise InputError(
            f"{path}: video {video.id}: {len(objects)} objects, "
            f"the format has room for {_PER_CATEGORY - 1}"
        )
    numbers, count = [], 0
    for instance in objects:
        count += not instance.iscrowd
        own = _PER_CATEGORY * instance.category_id + count
        numbers.append(IGNORED if instance.iscrowd else own)
    return numbers


def _frame_lines(
    objects: list[Instance], numbers: list[int], video: Video, frame: int
) -> tuple[list[str], int]:
    """The lines of a frame, and how many pixels belong to several objects."""
    owners, overlap = np.zeros((video.height, video.width), np.int64), 0
    classes = {IGNORED: _IGNORED_CATEGORY}
    for instance, number in zip(objects, numbers, strict=True):
        mask = instance.mask(frame)
        if mask is not None:
            inside = mask.astype(bool)
            overlap += np.count_nonzero(owners[inside])
            owners[inside] = number
            classes.setdefault(number, instance.category_id)
    lines = []
    for number in np.unique(owners[owners > 0]).tolist():
        counts = rle.encode(owners == number)["counts"]
        lines.append(f"{frame} {number} {classes[number]} {video.height} {video.width} {counts}")
    return lines, overlap


def _lost(annotations: Annotations, shared: int, open_ends: int) -> list[str]:
    lost = ["names of categories are not kept", "names of frames are not kept"]
    if any(instance.iscrowd for instance in annotations.instances):
        lost.append("crowds are not kept")
    if any(instance.occlusion for instance in annotations.instances):
        lost.append("occlusion levels are not kept")
    if any(category.id == _IGNORED_CATEGORY for category in annotations.categories):
        lost.append("objects of category 10 are regions to ignore for the evaluation code of MOTS")
    if shared:
        lost.append(f"{shared} pixels of several objects are kept for one of them")
    if open_ends:
        lost.append(f"empty frames at the end of {open_ends} videos are not kept")
    return lost
