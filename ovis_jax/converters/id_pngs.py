"""Folders of id PNGs, one for each video: DAVIS (numbers of objects) and MOTS (class and number).

DAVIS: the pixels of object k are k, 0 is background and 255 void; there are no categories. MOTS:
1000 * category + number in 16 bits, 0 is background and 10000 a region to ignore. A pixel belongs
to one object; occlusion levels have no place.
"""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import numpy as np
from tqdm import tqdm

from ovis_jax.converters.clips import (
    Clip,
    Sources,
    annotations_of,
    subfolders,
    video_names,
)
from ovis_jax.converters.indexed_png import read_numbers, write_numbers
from ovis_jax.formats import rle
from ovis_jax.formats.annotations import Annotations, Category, Instance, Video
from ovis_jax.formats.errors import InputError

_VOID = 255
_PER_CATEGORY, _IGNORED = 1000, 10000
_MAX_CATEGORY = 64  # of 16 bits


def read_davis(path: pathlib.Path, sources: Sources) -> Annotations:
    """Reads a folder of DAVIS PNGs; all objects get the one category given, or `object`.

    Raises:
      InputError: a file cannot be used, or several categories are given.
    """
    categories = sources.categories or [Category(1, "object")]
    if len(categories) != 1:
        raise InputError(f"{path}: DAVIS has no categories; give one for all objects, not several")
    clips = _read_clips(path, sources, lambda number: categories[0].id, _VOID)
    return annotations_of(clips, categories, path)


def write_davis(path: pathlib.Path, annotations: Annotations) -> list[str]:
    """Writes indexed PNGs; objects are numbered from 1 within each video.

    Returns:
      What was lost.

    Raises:
      InputError: a video has more than 254 objects.
    """
    numbers = _numbers_in_video(annotations, _VOID - 1)
    lost = _write_clips(path, annotations, numbers, np.uint8)
    return ["categories are not kept", *lost]


def read_mots(path: pathlib.Path, sources: Sources) -> Annotations:
    """Reads a folder of MOTS PNGs; regions to ignore are left out.

    Raises:
      InputError: a file cannot be used, or a category is none of those given.
    """
    found: set[int] = set()

    def category_of(number: int) -> int:
        found.add(number // _PER_CATEGORY)
        return number // _PER_CATEGORY

    clips = _read_clips(path, sources, category_of, _IGNORED)
    categories = sources.categories
    if categories is None:
        categories = [Category(number, f"category {number}") for number in sorted(found) or [1]]
    unknown = found - {category.id for category in categories}
    if unknown:
        raise InputError(f"{path}: category {min(unknown)} is none of the given categories")
    return annotations_of(clips, categories, path)


def write_mots(path: pathlib.Path, annotations: Annotations) -> list[str]:
    """Writes 16-bit PNGs; crowds become regions to ignore.

    Returns:
      What was lost.

    Raises:
      InputError: a category id is not within 1 and 64, or a video has more than 999 objects.
    """
    for category in annotations.categories:
        if not 1 <= category.id <= _MAX_CATEGORY:
            raise InputError(
                f"{annotations.path}: category id {category.id}: MOTS has room for 1 to 64"
            )
    numbers = _numbers_in_video(annotations, _PER_CATEGORY - 1)
    for instance in annotations.instances:
        if instance.iscrowd:
            numbers[instance.id] = _IGNORED
        else:
            numbers[instance.id] += _PER_CATEGORY * instance.category_id
    lost = _write_clips(path, annotations, numbers, np.uint16)
    return ["names of categories are not kept", *lost]


def _numbers_in_video(annotations: Annotations, most: int) -> dict[int | str, int]:
    """Numbers of the objects without crowds, from 1 in every video, by instance id."""
    numbers = {}
    for video in annotations.videos:
        objects = [i for i in annotations.instances_of(video.id) if not i.iscrowd]
        if len(objects) > most:
            raise InputError(
                f"{annotations.path}: video {video.id}: {len(objects)} objects, "
                f"the format has room for {most}"
            )
        numbers |= {instance.id: k for k, instance in enumerate(objects, start=1)}
    return numbers


def _read_clips(
    path: pathlib.Path, sources: Sources, category_of: Callable[[int], int], ignored: int
) -> list[Clip]:
    """All videos; `category_of` gives the category id of a number in the pixels."""
    clips = []
    for name, files in tqdm(subfolders(path, ".png"), unit="video", disable=None, leave=False):
        clip = None
        for frame, file in enumerate(files):
            pixels = read_numbers(file)
            height, width = pixels.shape
            if clip is None:
                names = sources.frame_names(name, [file.stem for file in files])
                clip = Clip(names, width, height)
            if (width, height) != (clip.width, clip.height):
                size = f"{clip.width}x{clip.height}"
                raise InputError(f"{file}: {width}x{height} pixels, the first frame has {size}")
            for number in np.unique(pixels).tolist():
                if number not in (0, ignored):
                    mask = rle.encode(pixels == number)
                    clip.add(number, category_of(number), frame, mask)
        clips.append(clip)
    return clips


def _write_clips(
    path: pathlib.Path, annotations: Annotations, numbers: dict[int | str, int], dtype: type
) -> list[str]:
    """Writes `path`/video/frame.png; what was lost. Objects without a number are left out."""
    shared = 0
    names = video_names(annotations.videos)
    for video, name in zip(
        tqdm(annotations.videos, unit="video", disable=None, leave=False), names, strict=True
    ):
        (path / name).mkdir(parents=True, exist_ok=True)
        drawn = [i for i in annotations.instances_of(video.id) if i.id in numbers]
        for frame, file_name in enumerate(video.file_names):
            pixels, overlap = _draw(video, drawn, numbers, frame, dtype)
            shared += overlap
            write_numbers(path / name / f"{pathlib.PurePath(file_name).stem}.png", pixels)
    lost = []
    if any(instance.iscrowd for instance in annotations.instances):
        lost.append("crowds are not kept")
    if any(instance.occlusion for instance in annotations.instances):
        lost.append("occlusion levels are not kept")
    if shared:
        lost.append(f"{shared} pixels of several objects are kept for the last of them")
    return lost


def _draw(
    video: Video, drawn: list[Instance], numbers: dict[int | str, int], frame: int, dtype: type
) -> tuple[np.ndarray, int]:
    """The numbers of a frame, and how many pixels belong to several objects."""
    pixels, overlap = np.zeros((video.height, video.width), dtype), 0
    for instance in drawn:
        mask = instance.mask(frame)
        if mask is not None:
            inside = mask.astype(bool)
            overlap += np.count_nonzero(pixels[inside])
            pixels[inside] = numbers[instance.id]
    return pixels, overlap
