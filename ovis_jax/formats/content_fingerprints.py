"""Fingerprints of files and folders: what tells that data in another place are the same."""

from __future__ import annotations

import hashlib
import os
import pathlib
from collections.abc import Iterable, Sequence

from ovis_jax.formats.errors import InputError
from ovis_jax.formats.json_stream import open_json

_SIZES = 1000  # files of a folder whose sizes count
_CONTENTS = 32  # of them those whose bytes count
_WHOLE = 1 << 20  # bytes up to which all of a file counts; of a larger one its two ends


def file_fingerprint(path: pathlib.Path | str) -> str:
    """Of all bytes of a file.

    Raises:
      OSError: it cannot be read.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_fingerprint(folder: pathlib.Path | str, names: Sequence[str]) -> str:
    """Of files by name: of all names, and of some files, evenly spread, sizes and contents.

    Looking at each of a hundred thousand frames would take minutes on a network file system.

    Raises:
      OSError: a file cannot be read.
    """
    folder, digest = pathlib.Path(folder), hashlib.sha256()
    for name in names:
        digest.update(f"{name}\n".encode())
    for name in _spread(names, _SIZES):
        digest.update(f"{os.path.getsize(folder / name)}\n".encode())
    for name in _spread(names, _CONTENTS):
        digest.update(_ends(folder / name))
    return digest.hexdigest()


def folder_fingerprint(folder: pathlib.Path | str) -> str:
    """As `files_fingerprint`, of all files below a folder.

    Raises:
      OSError: it is no folder, or a file cannot be read.
    """
    folder = pathlib.Path(folder)
    if not folder.is_dir():
        raise NotADirectoryError(f"{folder}: expected a folder")
    names = sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file())
    return files_fingerprint(folder, names)


def frame_names(annotations: pathlib.Path | str) -> list[str]:
    """The frames that a file in OVIS or COCO format names, in its order; reads no further.

    Folders are parted by "/", as in `Video`.

    Raises:
      InputError: it is no JSON object, or names none.
    """
    with open_json(annotations) as stream:
        for key in stream.members():
            if key in ("videos", "images") and stream.peek() == "[":
                return [name for record in stream.elements() for name in _names(record)]
            if stream.peek() != "[":
                stream.value()
                continue
            for _ in stream.elements():  # annotations, one after the other
                pass
    raise InputError(f"{annotations}: videos: expected a list")


def _names(record: object) -> Iterable[str]:
    if not isinstance(record, dict):
        return []
    names = record.get("file_names", [record.get("file_name")])
    names = names if isinstance(names, list) else []
    return [name.replace("\\", "/") for name in names if isinstance(name, str)]


def _spread(names: Sequence[str], count: int) -> Sequence[str]:
    return names[:: max(1, -(-len(names) // count))]


def _ends(path: pathlib.Path) -> bytes:
    """All bytes of a file, or the first and the last ones of a large one."""
    with open(path, "rb") as file:
        if os.fstat(file.fileno()).st_size <= _WHOLE:
            return file.read()
        start = file.read(_WHOLE // 2)
        file.seek(-(_WHOLE // 2), os.SEEK_END)
        return start + file.read()
