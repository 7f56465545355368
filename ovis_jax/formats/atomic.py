"""Files that are either complete or not there."""

import contextlib
import json
import os
import pathlib
import secrets
from collections.abc import Iterator
from typing import IO


@contextlib.contextmanager
def open_atomic(path: pathlib.Path | str, mode: str = "w") -> Iterator[IO]:
    """Opens a file that gets its name when the block ends, and never if the block fails.

    It is written under a temporary name beside `path`, then renamed. Missing folders are made. A
    reader, or a run that is killed while writing, never sees half a file; an older file at `path`
    stays until the new one is complete.

    Args:
      path: of the file.
      mode: "w" for UTF-8 text, "wb" for bytes.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with open(partial, mode, encoding=None if "b" in mode else "utf-8") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_text(path: pathlib.Path | str, text: str) -> None:
    """Writes a text file as `open_atomic` does."""
    with open_atomic(path) as file:
        file.write(text)


def write_json(path: pathlib.Path | str, obj: object) -> None:
    """Writes an object as JSON, as `write_text` writes text.

    Raises:
      ValueError: a number is NaN or infinite, which JSON does not know.
    """
    write_text(path, json.dumps(obj, allow_nan=False) + "\n")
