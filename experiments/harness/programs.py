"""Programs that an experiment starts: told to end when it is, and given the time to."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NoReturn


def call(command: Sequence[str]) -> int:
    """Runs a program to its end.

    When this process is told to end, so is the program, which may save what it has: SIGTERM is
    passed on, and Ctrl-C the terminal sends to both.

    Returns:
      Exit code.

    Raises:
      KeyboardInterrupt, SystemExit: this process was told to end. The program has ended.
    """
    told: list[int] = []
    with subprocess.Popen(command) as process:

        def tell(number: int, frame: object) -> None:
            told.append(number)
            if number == signal.SIGTERM:
                process.terminate()

        with _handled(tell, signal.SIGTERM, signal.SIGINT):
            code = process.wait()
    if signal.SIGTERM in told:
        _end(signal.SIGTERM, None)
    if told:
        raise KeyboardInterrupt
    return code


@contextlib.contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """SIGTERM ends this process as an error would, so that what is open is closed."""
    with _handled(_end, signal.SIGTERM):
        yield


def _end(number: int, frame: object) -> NoReturn:
    sys.exit(128 + number)


@contextlib.contextmanager
def _handled(handler: Callable[[int, object], None], *numbers: int) -> Iterator[None]:
    """Signals go to the handler; what a shell had ignored, as it may Ctrl-C, stays ignored."""
    taken = [number for number in numbers if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, handler) for number in taken}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
