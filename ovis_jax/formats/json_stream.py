"""Reads a large JSON file piece by piece, so that only what is kept of it takes memory."""

from __future__ import annotations

import contextlib
import json
import pathlib
from collections.abc import Iterator
from typing import IO

from ovis_jax.formats.errors import InputError

_CHUNK = 1 << 22  # characters
_SPACE = " \t\n\r"
_TAIL = 3  # a number cut off before its digits go on, as in 1e+, leaves fewer characters


@contextlib.contextmanager
def open_json(path: pathlib.Path | str) -> Iterator[JsonStream]:
    """Opens a JSON file to be read from its start.

    Raises:
      InputError: there is no such file, or (also while it is read) it is not valid JSON.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            yield JsonStream(file, str(path))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}, expected a JSON file") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: malformed JSON: not UTF-8 text") from error


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
        self._characters, self._lines = 0, 1  # before the buffer

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
        read, rest = self._buffer[: self._position], self._buffer[self._position :]
        self._characters += len(read)
        self._lines += read.count("\n")
        self._buffer, self._position = rest + more, 0
        return True

    def _malformed(self, problem: str) -> InputError:
        line = self._lines + self._buffer.count("\n", 0, self._position)
        where = f"character {self._characters + self._position}, line {line}"
        return InputError(f"{self._name}: malformed JSON at {where}: {problem}")
