"""Checks what an annotation file says of videos and categories."""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Callable, Iterable

from ovis_jax.formats.annotation_records import Category, Video
from ovis_jax.formats.errors import InputError, Problems
from ovis_jax.formats.fields import as_record, list_of, required, shown, whole_number
from ovis_jax.formats.plain_values import kind

MAX_SIZE = 1 << 20  # of a side or a length; far above any video, far below what overflows


@dataclasses.dataclass
class Listed:
    """The videos, or the categories, of a file.

    Attributes:
      records: those without a problem, in the order of the file.
      broken: ids of those with a problem, and ids that are there twice.
      is_vague: a broken one has no id that can be read, or two have the same, so that an id that
        is not among them is perhaps another's mistake.
    """

    records: list = dataclasses.field(default_factory=list)
    broken: set[int] = dataclasses.field(default_factory=set)
    is_vague: bool = False


def parse_videos(parts: dict, path: str) -> tuple[Video, ...]:
    """The file's `videos`, in order.

    Raises:
      InputError: a field is missing or makes no sense, or an id is there twice; lists all problems
        up to a limit.
    """
    problems = Problems()
    videos = read_videos(parts, path, problems)
    problems.finish()
    return tuple(videos.records)


def parse_categories(parts: dict, path: str) -> tuple[Category, ...]:
    """The file's `categories`, sorted by id.

    Raises:
      InputError: as `parse_videos`.
    """
    problems = Problems()
    categories = read_categories(parts, path, problems)
    problems.finish()
    return sorted_categories(categories)


def sorted_categories(categories: Listed) -> tuple[Category, ...]:
    """Categories by ascending id."""
    return tuple(sorted(categories.records, key=lambda category: category.id))


def read_videos(parts: dict, path: str, problems: Problems) -> Listed:
    """The file's `videos`; what is wrong with them goes to `problems`."""
    return _read(parts, "videos", path, _video, problems)


def read_categories(parts: dict, path: str, problems: Problems) -> Listed:
    """The file's `categories`; what is wrong with them goes to `problems`."""
    categories = _read(parts, "categories", path, _category, problems)
    if parts.get("categories") == []:
        problems.add(f"{path}: categories: expected at least one")
    return categories


def check_unique(ids: Iterable, field: str, path: str, problems: Problems) -> None:
    """Adds a problem for every id that occurs again; names both entries.

    Args:
      ids: of all entries; None for those without one.
      field: of the file that has the entries.
      path: of the file.
      problems: is added to.
    """
    first: dict = {}
    for number, value in enumerate(ids):
        if value is None:
            continue
        if value in first:
            both = f"{field}[{first[value]}] and {field}[{number}]"
            problems.add(f"{path}: {both}: both have the id {shown(value)}")
        else:
            first[value] = number


def _read(
    parts: dict,
    field: str,
    path: str,
    read: Callable[[dict, int, str], Video | Category],
    problems: Problems,
) -> Listed:
    listed, ids = Listed(), []
    entries = []
    with problems.caught():
        entries = list_of(parts, field, path)
    for number, entry in enumerate(entries):
        where, entry_id = f"{path}: {field}[{number}]", None
        try:
            entry = as_record(entry, where)
            entry_id = whole_number(entry, "id", where)
            listed.records.append(read(entry, entry_id, where))
        except InputError as error:
            listed.broken.add(entry_id)
            problems.add(error)
        ids.append(entry_id)
    check_unique(ids, field, path, problems)
    listed.broken |= {value for value, times in collections.Counter(ids).items() if times > 1}
    listed.is_vague = None in ids or len(set(ids)) < len(ids)
    return listed


def _category(record: dict, category_id: int, where: str) -> Category:
    name = required(record, "name", where)
    if not isinstance(name, str):
        raise InputError(f"{where}: name: expected a string, is {kind(name)}")
    return Category(category_id, name)


def _video(record: dict, video_id: int, where: str) -> Video:
    where = f"{where} (id {video_id})"
    width, height = (
        whole_number(record, side, where, minimum=1, maximum=MAX_SIZE)
        for side in ("width", "height")
    )
    length = _length(record, where)
    annotated = _annotated_frames(record, length, where)
    if record.get("file_names") is None:
        return Video(video_id, width, height, length, (), annotated)
    names = list_of(record, "file_names", where, length)
    for frame, name in enumerate(names):
        if not isinstance(name, str):
            raise InputError(
                f"{where}: file_names, frame {frame}: expected a string, is {kind(name)}"
            )
    # Files written on Windows part folders with backslashes.
    names = tuple(name.replace("\\", "/") for name in names)
    return Video(video_id, width, height, length, names, annotated)


def _annotated_frames(record: dict, length: int, where: str) -> tuple[int, ...] | None:
    """Numbers of the frames that were annotated, ascending; None if the file does not say it."""
    if record.get("annotated_frames") is None:
        return None
    frames = list_of(record, "annotated_frames", where)
    for place, frame in enumerate(frames):
        entry = {f"annotated_frames[{place}]": frame}
        whole_number(entry, f"annotated_frames[{place}]", where, minimum=0, maximum=length - 1)
    if len(set(frames)) < len(frames):
        twice = next(frame for frame in frames if frames.count(frame) > 1)
        raise InputError(f"{where}: annotated_frames: {twice} is there twice")
    return tuple(sorted(int(frame) for frame in frames))


def _length(record: dict, where: str) -> int:
    """The number of frames, also of a file that leaves it to the number of file names."""
    names = record.get("file_names")
    if record.get("length") is not None:
        return whole_number(record, "length", where, minimum=1, maximum=MAX_SIZE)
    if names is None:
        raise InputError(f"{where}: length: missing, and so are file_names")
    length = len(list_of(record, "file_names", where))
    return whole_number({"length": length}, "length", where, minimum=1, maximum=MAX_SIZE)
