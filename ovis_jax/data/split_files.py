"""Reads what a split needs to know of an annotation file, and copies the file in two parts.

Both go through the file object by object, so that its size does not matter.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO

import numpy as np

from ovis_jax.data.splits import VideoContents
from ovis_jax.formats.annotation_fields import parse_categories, parse_videos
from ovis_jax.formats.atomic import open_atomic
from ovis_jax.formats.crowd_fields import crowd_flag
from ovis_jax.formats.errors import InputError, Problems
from ovis_jax.formats.fields import as_record, whole_number
from ovis_jax.formats.json_stream import JsonStream, open_json

PARTS = ("train", "minival")


def read_contents(
    path: pathlib.Path | str, on_annotation: Callable[[], object] = lambda: None
) -> VideoContents:
    """Reads an annotation file and keeps of each object only its video and category.

    Args:
      path: of the file.
      on_annotation: called after each object.

    Raises:
      InputError: the file cannot be used, or has no ground truth; lists all problems up to a limit.
    """
    path, parts, pairs, num_crowds = str(path), {}, None, 0
    problems = Problems()
    with open_json(path) as stream:
        if stream.peek() != "{":
            raise InputError(f"{path}: expected an object with videos, categories, annotations")
        for key in stream.members():
            if key == "annotations" and stream.peek() == "[":
                pairs = []
                for number, record in _counted(stream, on_annotation):
                    where = f"{path}: annotations[{number}]"
                    with problems.caught():
                        pairs.append(_pair(record, where))
                        num_crowds += crowd_flag(record.get("iscrowd"), where)
            elif key in ("videos", "categories"):
                parts[key] = stream.value()
        stream.end()
    if pairs is None:
        raise InputError(f"{path}: annotations: expected a list, a split needs ground truth")
    problems.finish()
    videos, categories = parse_videos(parts, path), parse_categories(parts, path)
    if len(videos) < 2:
        raise InputError(f"{path}: videos: {len(videos)}, expected at least 2 to split")
    counts = _count(pairs, [v.id for v in videos], [c.id for c in categories], path)
    ids = np.array([video.id for video in videos], np.int64)
    return VideoContents(ids, categories, counts, num_crowds)


def check_outputs(source: pathlib.Path | str, outputs: dict[str, pathlib.Path]) -> None:
    """Raises InputError if an output is the file to split."""
    for output in outputs.values():
        if output.exists() and os.path.exists(source) and os.path.samefile(source, output):
            raise InputError(f"{output}: is the file to split, expected another folder")


def write_split(
    source: pathlib.Path | str,
    minival_ids: Iterable[int],
    outputs: dict[str, pathlib.Path],
    on_annotation: Callable[[], object] = lambda: None,
    *,
    crowds_are_objects: bool = False,
) -> None:
    """Copies an annotation file into two, object by object.

    Both are on the disk as a whole, under temporary names, before the first one is renamed.
    Everything but videos and annotations stands in both files.

    Args:
      source: the file.
      minival_ids: videos of minival; the others are for training.
      outputs: path of each of PARTS.
      on_annotation: called after each object.
      crowds_are_objects: write 0 for every `iscrowd`.

    Raises:
      InputError: the file cannot be read, or an output is the file itself.
    """
    check_outputs(source, outputs)
    minival = set(minival_ids)
    with contextlib.ExitStack() as stack:
        files = [stack.enter_context(open_atomic(outputs[part])) for part in PARTS]
        stream = stack.enter_context(open_json(source))
        for number, key in enumerate(stream.members()):
            for file in files:
                file.write(("{" if number == 0 else ", ") + json.dumps(key) + ": ")
            if key in ("videos", "annotations"):
                field = "id" if key == "videos" else "video_id"
                count = on_annotation if key == "annotations" else lambda: None
                records = (record for _, record in _counted(stream, count))
                if key == "annotations" and crowds_are_objects:
                    records = (record | {"iscrowd": 0} for record in records)
                _write_records(files, ((record[field] in minival, record) for record in records))
            else:
                text = json.dumps(stream.value())
                for file in files:
                    file.write(text)
        for file in files:
            file.write("}\n")
            file.flush()
            os.fsync(file.fileno())


def _write_records(files: list[IO], records: Iterator[tuple[bool, dict]]) -> None:
    """Writes a list into each file; every record says which one it is for."""
    started = [False, False]
    for place, record in records:
        files[place].write((", " if started[place] else "[") + json.dumps(record))
        started[place] = True
    for file, has_some in zip(files, started, strict=True):
        file.write("]" if has_some else "[]")


def _counted(stream: JsonStream, on_element: Callable[[], object]) -> Iterator[tuple[int, object]]:
    for number, element in enumerate(stream.elements()):
        yield number, element
        on_element()


def _pair(record: object, where: str) -> tuple[int, int]:
    record = as_record(record, where)
    return whole_number(record, "video_id", where), whole_number(record, "category_id", where)


def _count(
    pairs: Sequence[tuple[int, int]], video_ids: list[int], category_ids: list[int], path: str
) -> np.ndarray:
    """[V, C] int, how often each pair of a video and a category occurs."""
    counts = np.zeros((len(video_ids), len(category_ids)), np.int64)
    rows, columns = ({k: place for place, k in enumerate(ids)} for ids in (video_ids, category_ids))
    problems = Problems()
    for number, (video_id, category_id) in enumerate(pairs):
        where = f"{path}: annotations[{number}]"
        if video_id not in rows:
            problems.add(f"{where}: video_id: {video_id} is not in the file")
        elif category_id not in columns:
            problems.add(f"{where}: category_id: {category_id} is not in the file")
        else:
            counts[rows[video_id], columns[category_id]] += 1
    problems.finish()
    return counts
