"""The records of results, one after the other: out of a file, or from memory."""

from __future__ import annotations

import pathlib
from collections.abc import Iterable, Iterator, Mapping

from ovis_jax.formats.errors import InputError
from ovis_jax.formats.fields import shown
from ovis_jax.formats.json_stream import JsonStream, open_json
from ovis_jax.formats.plain_values import kind, plain

TRACK_FIELDS = ("video_id", "category_id", "score", "segmentations")


def open_records(source: pathlib.Path | str | Iterable[dict]) -> tuple[str, Iterable[object]]:
    """Name of the records in messages, and the records; a file is read when they are taken.

    Records in memory may hold numbers and lists of numpy, and tuples; they are not changed.

    Args:
      source: a file with a list of records or with one record a line, or the records.

    Raises:
      InputError: neither; or, while records are taken, the file is malformed.
    """
    if isinstance(source, str | pathlib.Path):
        return f"{source}: results", _file_records(source)
    if isinstance(source, Mapping | bytes) or not isinstance(source, Iterable):
        raise InputError(f"results: expected a path or a list of tracks, is {kind(source)}")
    return "results", map(plain, source)


def _file_records(path: pathlib.Path | str) -> Iterator[object]:
    with open_json(path) as stream:
        first = stream.peek()
        if first == "[":
            yield from stream.elements()
            stream.end()
        elif first == "{":
            yield _first_line(stream, path)
            while stream.peek():
                yield stream.value()
        else:
            raise InputError(f"{path}: expected a list of tracks")


def _first_line(stream: JsonStream, path: pathlib.Path | str) -> dict:
    """The first record of JSON Lines; other objects are refused at the first key that tells."""
    record = {}
    for key in stream.members():
        if key not in TRACK_FIELDS and stream.peek() in "[{":
            raise _no_list(path, key)
        record[key] = stream.value()
    if not set(TRACK_FIELDS) & set(record):
        raise _no_list(path, next(iter(record), None))
    return record


def _no_list(path: pathlib.Path | str, key: str | None) -> InputError:
    what = "without keys" if key is None else f"with the key {shown(key)}"
    return InputError(f"{path}: expected a list of tracks, is an object {what}")
