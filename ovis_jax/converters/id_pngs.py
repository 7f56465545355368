"""Folders of id PNGs, one for each video: DAVIS (numbers of objects) and MOTS (class and number).

DAVIS: the pixels of object k are k, 0 is background and 255 void; there are no categories. MOTS:
1000 * category + number in 16 bits, 0 is background and 10000 a region to ignore. A pixel belongs
to one object; occlusion levels have no place. Names of frames that are not those of the files are
kept as a text in the files.
"""

from __future__ import annotations

import pathlib

import numpy as np

from ovis_jax.converters.clips import annotations_of
from ovis_jax.converters.davis_numbers import DavisNumbers
from ovis_jax.converters.id_videos import read_videos, write_videos
from ovis_jax.converters.sources import Sources
from ovis_jax.formats.annotations import Annotations, Category
from ovis_jax.formats.errors import InputError

_MOST_OBJECTS = 254  # of a DAVIS video; 255 is void
_PER_CATEGORY, _IGNORED = 1000, 10000
_MAX_CATEGORY = 64  # of 16 bits


def read_davis(path: pathlib.Path, sources: Sources) -> Annotations:
    """Reads a folder of DAVIS PNGs; all objects get the one category given, or `object`.

    `DavisNumbers` says what void is.

    Raises:
      InputError: a file cannot be used, or several categories are given.
    """
    categories = sources.categories or [Category(1, "object")]
    if len(categories) != 1:
        raise InputError(f"{path}: DAVIS has no categories; give one for all objects, not several")
    numbers = DavisNumbers()
    clips = [
        video.clip(dict.fromkeys(numbers.of_objects(video), categories[0].id))
        for video in read_videos(path, sources)
    ]
    for line in numbers.notes():
        sources.note(line)
    return annotations_of(clips, categories, path)


def write_davis(path: pathlib.Path, annotations: Annotations) -> list[str]:
    """Writes indexed PNGs; objects are numbered from 1 within each video.

    Returns:
      What was lost.

    Raises:
      InputError: a video has more than 254 objects.
    """
    numbers = _numbers_in_video(annotations, _MOST_OBJECTS)
    return ["categories are not kept", *write_videos(path, annotations, numbers, np.uint8)]


def read_mots(path: pathlib.Path, sources: Sources) -> Annotations:
    """Reads a folder of MOTS PNGs; regions to ignore are left out.

    Raises:
      InputError: a file cannot be used, or a category is none of those given.
    """
    found: set[int] = set()
    clips = []
    for video in read_videos(path, sources, _check_mots):
        ids = {number: number // _PER_CATEGORY for number in video.masks if number != _IGNORED}
        if _IGNORED in video.masks:
            sources.note("regions to ignore are left out")
        found |= set(ids.values())
        clips.append(video.clip(ids))
    return annotations_of(clips, sources.categories_of_ids(found, path), path)


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
    return [
        "names of categories are not kept",
        *write_videos(path, annotations, numbers, np.uint16),
    ]


def _check_mots(file: pathlib.Path, numbers: list[int]) -> None:
    """Raises InputError if a number has no category."""
    if numbers and min(numbers) < _PER_CATEGORY:
        raise InputError(
            f"{file}: {min(numbers)} in the pixels, expected 1000 * category + number; values "
            "below 1000 are object numbers, use --from davis"
        )


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
