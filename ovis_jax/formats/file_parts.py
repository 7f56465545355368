"""Parts of a large results file that can be read side by side."""

from __future__ import annotations

import dataclasses
import io
import mmap
import pathlib
import re
from collections.abc import Iterator, Sequence

from ovis_jax.formats.errors import InputError
from ovis_jax.formats.json_stream import JsonStream

# Between two records of a list. It may also stand between records within a record; then both parts
# are malformed, which is how that is found.
_BORDER = re.compile(rb'\}\s*,\s*(?=\{\s*"(?:video_id|category_id|score|segmentations)"\s*:)')


@dataclasses.dataclass(frozen=True)
class FilePart:
    """Bytes of a file that holds a list of records.

    Attributes:
      path: of the file.
      start: first byte.
      stop: byte after the last one.
      is_first: whether the list begins in it.
      is_last: whether the list ends in it.
    """

    path: str
    start: int
    stop: int
    is_first: bool
    is_last: bool

    def records(self) -> Iterator[object]:
        """The records of the part.

        Raises:
          InputError: it is not a list of complete records, or not a well-formed one.
        """
        with open(self.path, "rb") as file:
            file.seek(self.start)
            text = io.TextIOWrapper(
                io.BufferedReader(_Bytes(file, self.stop - self.start)), "utf-8"
            )
            try:
                yield from JsonStream(text, self.path).part(self.is_first, self.is_last)
            except UnicodeDecodeError as error:
                raise InputError(f"{self.path}: malformed JSON: not UTF-8 text") from error


def cut_records(path: pathlib.Path | str, places: Sequence[float]) -> list[FilePart]:
    """Cuts a file near some places, between records as far as can be seen without reading it all.

    Args:
      path: of a file that should hold a list of records.
      places: bytes, ascending.

    Returns:
      Parts from the first to the last byte, at most one more than there are places; just one for a
      file that is not plain JSON.
    """
    with open(path, "rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        cuts = [0]
        if re.match(rb"\s*\[", text[:64]):
            for place in places:
                found = _BORDER.search(text, max(int(place), cuts[-1]))
                if found and found.end() > cuts[-1]:
                    cuts.append(found.end())
        cuts.append(len(text))
    return [
        FilePart(str(path), start, stop, start == 0, stop == cuts[-1])
        for start, stop in zip(cuts[:-1], cuts[1:], strict=True)
    ]


class _Bytes(io.RawIOBase):
    """The next `length` bytes of a file."""

    def __init__(self, file, length: int):
        self._file, self._left = file, length

    def readable(self) -> bool:
        return True

    def readinto(self, buffer) -> int:
        size = self._file.readinto(memoryview(buffer)[: self._left])
        self._left -= size
        return size
