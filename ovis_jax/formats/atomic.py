"""Files that are either complete or not there."""

import json
import os
import pathlib
import secrets


def write_text(path: pathlib.Path | str, text: str) -> None:
    """Writes a text file under a temporary name beside `path`, then renames it.

    Missing folders are made. A reader, or a run that is killed while writing, never sees half a
    file; an older file at `path` stays until the new one is complete.
    """
    path = pathlib.Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with open(partial, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: pathlib.Path | str, obj: object) -> None:
    """Writes an object as JSON, as `write_text` writes text.

    Raises:
      ValueError: a number is NaN or infinite, which JSON does not know.
    """
    write_text(path, json.dumps(obj, allow_nan=False) + "\n")
