"""The one error that bad input raises."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

FAILURE = 1  # exit code of a program that failed in another way
BAD_INPUT = 2  # exit code of a program that got it
INTERRUPTED = 130  # after Ctrl-C, as shells have it: 128 and the number of SIGINT
MAX_PROBLEMS = 20


class InputError(ValueError):
    """Input that cannot be used.

    The message has one line for each problem: file, entry, field, what was expected.
    """


class Problems:
    """Collects problems of one file, so that a user learns of all of them at once."""

    def __init__(self, limit: int = MAX_PROBLEMS):
        """Nothing found so far; the problem number `limit` ends the search."""
        self._limit, self._lines = limit, []

    def add(self, problem: InputError | str) -> None:
        """Takes a problem.

        Raises:
          InputError: enough were found.
        """
        self._lines.append(str(problem))
        if len(self._lines) == self._limit:
            if self._limit > 1:
                self._lines.append(f"(stopped after {self._limit} problems)")
            self.finish()

    @contextlib.contextmanager
    def caught(self) -> Iterator[None]:
        """Takes the problem that ends its block, if one does."""
        try:
            yield
        except InputError as error:
            self.add(error)

    def finish(self) -> None:
        """Raises InputError if there was a problem."""
        if self._lines:
            raise InputError("\n".join(self._lines))


def problem_lines(error: Exception) -> list[str]:
    """The lines of an error's message, to be printed; its name if it has none."""
    return [" ".join(line.split()) for line in str(error).splitlines()] or [type(error).__name__]
