"""Reads a large JSON file piece by piece, so that only what is kept of it takes memory."""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import pathlib
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO

from ovis_jax.formats.errors import InputError
from ovis_jax.formats.foreign_files import HEAD, foreign_kind

_CHUNK = 1 << 22  # characters
_DAMAGED = (EOFError, gzip.BadGzipFile, zipfile.BadZipFile, zlib.error)
_SPACE = " \t\n\r"
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_TAIL = 3  # a number cut off before its digits go on, as in 1e+, leaves fewer characters


@contextlib.contextmanager
def open_json(path: pathlib.Path | str) -> Iterator[JsonStream]:
    """Opens a JSON file to be read from its start; also one in gzip, or alone in a zip archive.

    The text may be UTF-8, or UTF-16 as PowerShell writes it.

    Raises:
      InputError: there is no such file, or (also while it is read) it is damaged or not valid JSON;
        names what else it is.
    """
    try:
        with open(path, "rb") as file, _expanded(file, path) as content:
            head = content.peek(HEAD)[:HEAD]
            kind = foreign_kind(head)
            if kind:
                raise InputError(f"{path}: {kind}; expected a JSON file")
            encoding = "utf-16" if head.startswith(_UTF_16) else "utf-8-sig"
            yield JsonStream(io.TextIOWrapper(content, encoding, newline="\n"), str(path))
    except _DAMAGED as error:
        raise InputError(f"{path}: damaged archive: {error}") from error
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}, expected a JSON file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: malformed JSON: not UTF-8 or UTF-16 text") from error


def _expanded(file: IO[bytes], path: pathlib.Path | str) -> IO[bytes]:
    """The content of a file, whatever it is packed in."""
    magic = file.read(4)
    file.seek(0)
    if magic[:2] == b"\x1f\x8b":
        return gzip.open(file)
    if magic != b"PK\x03\x04":
        return file
    archive = zipfile.ZipFile(file)
    names = [name for name in archive.namelist() if name.lower().endswith((".json", ".jsonl"))]
    names = [name for name in names if not name.startswith("__MACOSX/")]
    if len(names) != 1:
        raise InputError(f"{path}: {len(names)} JSON files in the archive, expected one")
    try:
        return archive.open(names[0])
    except (RuntimeError, NotImplementedError) as error:  # encrypted, or packed in a rare way
        raise InputError(f"{path}: {names[0]}: {error}") from error


class JsonStream:
    """A position in a JSON text that moves forward only.

    `members` and `elements` give the parts of the object or array that starts at the position, one
    after the other; `value` takes the whole value. What is not taken is skipped.
    """

    def __init__(self, file: IO[str], name: str, chunk: int = _CHUNK):
        """Starts at the current position of a text file; `name` is for messages."""
        self._file, self._name, self._chunk = file, name, chunk
        self._decode = json.JSONDecoder().raw_decode
        self._buffer, self._position = "", 0
        self._characters = 0  # before the buffer

    def peek(self) -> str:
        """The next character that is not white space; empty at the end of the file."""
        while True:
            while self._position < len(self._buffer):
                character = self._buffer[self._position]
                if character not in _SPACE:
                    return character
                self._position += 1
            if not self._more():
                return ""

    def value(self) -> object:
        """The value at the position."""
        self.peek()
        while True:
            try:
                value, end = self._decode(self._buffer, self._position)
            except (ValueError, RecursionError) as error:
                if isinstance(error, ValueError) and self._more():
                    continue
                self._position = getattr(error, "pos", self._position)
                raise self._malformed(getattr(error, "msg", str(error))) from error
            if len(self._buffer) - end < _TAIL and self._more():
                continue
            self._position = end
            return value

    def elements(self) -> Iterator[object]:
        """The values of the array at the position."""
        self._take("[")
        if self.peek() == "]":
            return self._take("]")
        while True:
            yield self.value()
            if self._take(",]") == "]":
                return

    def part(self, is_first: bool, is_last: bool) -> Iterator[object]:
        """The values of an array of which the text is a part that is cut after a comma.

        Args:
          is_first: the text begins with the array; otherwise with one of its values.
          is_last: the text ends with the array; otherwise after a comma.
        """
        if is_first:
            self._take("[")
        if is_first and is_last and self.peek() == "]":
            self._take("]")
            return self.end()
        while is_last or self.peek():
            yield self.value()
            if self._take(",]" if is_last else ",") == "]":
                return self.end()

    def members(self) -> Iterator[str]:
        """The keys of the object at the position, which is then at the value of the key."""
        self._take("{")
        if self.peek() == "}":
            return self._take("}")
        while True:
            if self.peek() != '"':
                raise self._malformed("expected a string as key")
            key = self.value()
            self._take(":")
            self.peek()
            start = self._characters + self._position
            yield key
            if self._characters + self._position == start:
                self.value()
            if self._take(",}") == "}":
                return

    def end(self) -> None:
        """Checks that nothing follows."""
        if self.peek():
            raise self._malformed("expected the end of the file")

    def _take(self, characters: str) -> str:
        """Steps over one of some characters and returns it."""
        found = self.peek()
        if not found or found not in characters:
            raise self._malformed("expected " + " or ".join(repr(c) for c in characters))
        self._position += 1
        return found

    def _more(self) -> bool:
        """Forgets what was read and appends more of the file to the buffer.

        At the end of the file nothing changes, and the result is False.
        """
        more = self._file.read(max(self._chunk, len(self._buffer) - self._position))
        if not more:
            return False
        self._characters += self._position
        self._buffer, self._position = self._buffer[self._position :] + more, 0
        return True

    def _malformed(self, problem: str) -> InputError:
        position = self._characters + self._position
        where = f"character {position}"
        if self._file.seekable():
            where += f", line {self._line_at(position)}"
        return InputError(f"{self._name}: malformed JSON at {where}: {problem}")

    def _line_at(self, position: int) -> int:
        """Reads the file again, since counting lines on the way costs more than it is worth."""
        self._file.seek(0)
        lines = 1
        while position > 0 and (text := self._file.read(min(position, self._chunk))):
            position -= len(text)
            lines += text.count("\n")
        return lines
