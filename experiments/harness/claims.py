"""Which process makes which run: files in a folder that all hosts see.

Every host is given the same command. A process that takes a run writes a claim, and writes to it
again and again while it works. A claim that stays as it is for `patience` seconds, or whose process
is gone from this host, is abandoned: the next process takes the run and goes on with it.
"""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import socket
import threading
import time
from collections.abc import Callable, Iterator

from ovis_jax.formats.atomic import write_text

PATIENCE = 300.0  # seconds; several beats, and more than a network file system keeps to itself
_BEATS = 10  # in that time
_NUMBERED = re.compile(
    r"(?P<name>[^.].*)\.(?P<number>\d+)"
)  # files that are being written begin with a dot


class Claims:
    """The claims in a folder, as this process has seen them so far."""

    def __init__(
        self,
        folder: pathlib.Path,
        patience: float = PATIENCE,
        clock: Callable[[], float] = time.monotonic,
    ):
        """Makes the folder.

        Args:
          folder: of the claims.
          patience: seconds after which a claim that does not change is abandoned.
          clock: seconds.
        """
        self._folder, self._patience, self._clock = folder, patience, clock
        self._seen: dict[pathlib.Path, tuple[str, float]] = {}  # text, and since when
        folder.mkdir(parents=True, exist_ok=True)

    @contextlib.contextmanager
    def taken(self, name: str) -> Iterator[bool]:
        """Holds the claim on a run while its block lasts, if it can be had.

        Args:
          name: of the run's folder.

        Yields:
          Whether this process has it.
        """
        path = self._take(name)
        if path is None:
            yield False
            return
        stop = threading.Event()
        beating = threading.Thread(target=self._beat, args=(path, stop), daemon=True)
        beating.start()
        try:
            yield True
        finally:
            stop.set()
            beating.join()
            for number, own in sorted(self._numbered(name).items()):  # older ones first
                if number <= int(path.suffix[1:]):  # later: of a process that took this for dead
                    own.unlink(missing_ok=True)

    def held(self) -> int:
        """How many runs some process works on."""
        found = (_NUMBERED.fullmatch(path.name) for path in self._folder.iterdir())
        names = {own["name"] for own in found if own}
        newest = (max(self._numbered(name).items(), default=None) for name in names)
        return sum(own is not None and not self._is_abandoned(own[1]) for own in newest)

    def _take(self, name: str) -> pathlib.Path | None:
        """A new claim above all abandoned ones; of several processes only one can make it."""
        number, newest = max(self._numbered(name).items(), default=(0, None))
        if newest is not None and not self._is_abandoned(newest):
            return None
        path = self._folder / f"{name}.{number + 1}"
        try:
            with open(path, "x") as file:
                file.write(_text(0))
        except FileExistsError:
            return None
        return path

    def _numbered(self, name: str) -> dict[int, pathlib.Path]:
        found = ((path, _NUMBERED.fullmatch(path.name)) for path in self._folder.iterdir())
        return {int(own["number"]): path for path, own in found if own and own["name"] == name}

    def _is_abandoned(self, path: pathlib.Path) -> bool:
        try:
            text = path.read_text()
        except OSError:  # it has just been given up
            return False
        if _has_ended(text):
            return True
        before, since = self._seen.get(path, (None, 0.0))
        if text != before:
            self._seen[path] = (text, self._clock())
            return False
        return self._clock() - since > self._patience

    def _beat(self, path: pathlib.Path, stop: threading.Event) -> None:
        beat = 0
        while not stop.wait(self._patience / _BEATS):
            beat += 1
            with contextlib.suppress(OSError):  # a file system may be away for a while
                write_text(path, _text(beat))


def _text(beat: int) -> str:
    return json.dumps({"host": _host(), "process": os.getpid(), "beat": beat})


def _has_ended(text: str) -> bool:
    """Whether a claim is of a process of this host that is gone."""
    try:
        claim = json.loads(text)
        if claim["host"] != _host():
            return False
        os.kill(claim["process"], 0)
    except ProcessLookupError:
        return True
    except (ValueError, OSError):  # not written yet; or a process of somebody else
        return False
    return False


def _host() -> str:
    """Of which process numbers are; containers on one machine have their own."""
    try:
        return f"{socket.gethostname()} {os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()
