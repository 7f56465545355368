"""Random access to the records of ArrayRecord and TFRecord files."""

from __future__ import annotations

import struct
import threading
from collections.abc import Sequence

import numpy as np
from array_record.python.array_record_data_source import ArrayRecordDataSource

from ovis_jax.formats.errors import InputError

_HEADER, _FOOTER = 12, 4  # bytes of a TFRecord around its content: length and checksums


class TFRecordFiles:
    """The records of several TFRecord files, by number."""

    def __init__(self, paths: Sequence[str]):
        """Steps over the records of every file; reads nothing but their lengths.

        Raises:
          InputError: a file cannot be read, or ends within a record.
        """
        self._paths = list(paths)
        places = [_places(path) for path in self._paths]
        self._file = np.repeat(np.arange(len(places)), [len(p) for p in places])
        self._places = np.concatenate([np.zeros((0, 2), np.int64), *places])
        self._local = threading.local()  # open files, since every thread needs its own position

    def __len__(self) -> int:
        """Number of records."""
        return len(self._places)

    def __getitem__(self, number: int) -> bytes:
        """The content of a record."""
        start, length = self._places[number].tolist()
        file = self._open(self._paths[self._file[number]])
        file.seek(start)
        return file.read(length)

    def _open(self, path: str):
        files = self._local.__dict__.setdefault("files", {})
        if path not in files:
            files[path] = open(path, "rb")
        return files[path]


class ArrayRecordFiles:
    """The records of several ArrayRecord files, by number."""

    def __init__(self, paths: Sequence[str]):
        """Reads the footer of every file.

        Raises:
          InputError: a file cannot be read.
        """
        try:
            self._source = ArrayRecordDataSource([str(path) for path in paths])
        except (OSError, RuntimeError, ValueError) as error:
            raise InputError(f"{paths[0]}: no ArrayRecord file ({error})") from error

    def __len__(self) -> int:
        """Number of records."""
        return len(self._source)

    def __getitem__(self, number: int) -> bytes:
        """The content of a record."""
        return self._source[number]


def _places(path: str) -> np.ndarray:
    """[records, 2] int64, start and length of every content in a TFRecord file."""
    found = []
    try:
        with open(path, "rb") as file:
            end, position = file.seek(0, 2), 0
            while position < end:
                file.seek(position)
                header = file.read(_HEADER)
                length = struct.unpack("<Q", header[:8])[0] if len(header) == _HEADER else end
                found.append((position + _HEADER, length))
                position += _HEADER + length + _FOOTER
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    if position != end:
        raise InputError(f"{path}: truncated TFRecord file, ends within record {len(found) - 1}")
    return np.array(found, np.int64).reshape(-1, 2)
