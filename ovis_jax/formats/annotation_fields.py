"""Checks what an annotation file says of videos and categories."""

from __future__ import annotations

from collections.abc import Iterable

from ovis_jax.formats.annotation_records import Category, Video
from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import as_record, kind, list_of, required, shown, whole_number

MAX_SIZE = 1 << 20  # of a side or a length; far above any video, far below what overflows


def parse_videos(parts: dict, path: str) -> tuple[Video, ...]:
    """The file's `videos`, in order.

    Raises:
      InputError: a field is missing or makes no sense, or an id is there twice.
    """
    records = list_of(parts, "videos", path)
    videos = tuple(_video(record, f"{path}: videos[{i}]") for i, record in enumerate(records))
    check_unique([video.id for video in videos], "videos", path)
    return videos


def parse_categories(parts: dict, path: str) -> tuple[Category, ...]:
    """The file's `categories`, sorted by id.

    Raises:
      InputError: a field is missing or makes no sense, or an id is there twice.
    """
    categories = []
    for number, record in enumerate(list_of(parts, "categories", path)):
        where = f"{path}: categories[{number}]"
        record = as_record(record, where)
        name = required(record, "name", where)
        if not isinstance(name, str):
            raise InputError(f"{where}: name: expected a string, is {kind(name)}")
        categories.append(Category(whole_number(record, "id", where), name))
    if not categories:
        raise InputError(f"{path}: categories: expected at least one")
    check_unique([category.id for category in categories], "categories", path)
    return tuple(sorted(categories, key=lambda category: category.id))


def check_unique(ids: Iterable, field: str, path: str) -> None:
    """Raises InputError if an id occurs twice; names both entries."""
    first: dict = {}
    for number, value in enumerate(ids):
        if value in first:
            both = f"{field}[{first[value]}] and {field}[{number}]"
            raise InputError(f"{path}: {both}: both have the id {shown(value)}")
        first[value] = number


def _video(record: object, where: str) -> Video:
    record = as_record(record, where)
    video_id = whole_number(record, "id", where)
    where = f"{where} (id {video_id})"
    width, height, length = (
        whole_number(record, field, where, minimum=1, maximum=MAX_SIZE)
        for field in ("width", "height", "length")
    )
    names = list_of(record, "file_names", where, length)
    for frame, name in enumerate(names):
        if not isinstance(name, str):
            raise InputError(
                f"{where}: file_names, frame {frame}: expected a string, is {kind(name)}"
            )
    return Video(video_id, width, height, length, tuple(names))
