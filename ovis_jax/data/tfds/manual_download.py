"""Finds the parts of a downloaded data set, zipped or extracted, and says what is missing."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import pathlib
import shutil
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from typing import Protocol

from ovis_jax.formats.errors import InputError

_SHOWN = 3  # missing files named in an error


@dataclasses.dataclass(frozen=True)
class SplitLayout:
    """Where a split of a data set may lie in the download folder; the first place found is used.

    Attributes:
      annotations: JSON files. Where none is there, it is looked for in `annotation_archives`.
      frames: folders that the frames' file names are relative to; also within `frame_archives`.
      frame_archives: zip files of frames.
      annotation_archives: zip files that hold one of `annotations`.
    """

    annotations: tuple[str, ...]
    frames: tuple[str, ...]
    frame_archives: tuple[str, ...]
    annotation_archives: tuple[str, ...] = ()

    def is_absent(self, folder: pathlib.Path) -> bool:
        """Whether nothing at all of the split is there."""
        archives = self.frame_archives + self.annotation_archives
        return not any((folder / name).exists() for name in self.annotations + self.frames) and (
            not any((folder / name).exists() for name in archives)
        )

    @contextlib.contextmanager
    def annotation_file(self, folder: pathlib.Path) -> Iterator[pathlib.Path]:
        """The JSON file, for as long as it is needed.

        Raises:
          InputError: there is none, or its archive is damaged.
        """
        for name in self.annotations:
            if (folder / name).is_file():
                yield folder / name
                return
        for archive in self.annotation_archives:
            if (folder / archive).is_file():
                with _extracted(folder / archive, self.annotations) as path:
                    yield path
                return
        raise InputError(
            f"{folder / self.annotations[0]}: no such file, expected the annotations"
            + _alternatives(self.annotations[1:] + self.annotation_archives)
        )

    def find_frames(self, folder: pathlib.Path, names: Sequence[str]) -> FrameFiles:
        """The frames with these file names.

        Raises:
          InputError: there is neither folder nor archive, or it lacks some frames.
        """
        found: list[FrameFiles] = []
        for subfolder in self.frames:
            if (folder / subfolder).is_dir():
                found.append(FrameFolder(folder / subfolder))
        for archive in self.frame_archives:
            if (folder / archive).is_file():
                prefixes = [f"{subfolder}/" for subfolder in self.frames] + [""]
                found += [FrameArchive(folder / archive, prefix) for prefix in prefixes]
        if not found:
            raise InputError(
                f"{folder / self.frames[0]}: no such folder, expected the frames"
                + _alternatives(self.frames[1:] + self.frame_archives)
            )
        missing = [files.missing(names) for files in found]
        best = min(range(len(found)), key=lambda i: len(missing[i]))
        if missing[best]:
            raise InputError(
                f"{found[best].path}: {len(missing[best])} of {len(names)} frames are missing: "
                + ", ".join(found[best].describe(name) for name in missing[best][:_SHOWN])
                + (", …" if len(missing[best]) > _SHOWN else "")
            )
        return found[best]


class FrameFiles(Protocol):
    """Frames by file name; can be pickled.

    Attributes:
      path: of the folder or archive.
    """

    path: pathlib.Path

    def missing(self, names: Sequence[str]) -> list[str]:
        """Which of some files are not there."""

    def describe(self, name: str) -> str:
        """Where a file is, or should be."""

    def read(self, name: str) -> bytes:
        """The content of a file."""


@dataclasses.dataclass(frozen=True)
class FrameFolder:
    """Frames in a folder; see `FrameFiles`."""

    path: pathlib.Path

    def missing(self, names: Sequence[str]) -> list[str]:
        """See `FrameFiles`; lists every folder once."""
        parents = {str(pathlib.PurePosixPath(name).parent) for name in names}
        present = {
            str(pathlib.PurePosixPath(parent, file.name))
            for parent in parents
            if (self.path / parent).is_dir()
            for file in (self.path / parent).iterdir()
        }
        return [name for name in names if str(pathlib.PurePosixPath(name)) not in present]

    def describe(self, name: str) -> str:
        """See `FrameFiles`."""
        return str(self.path / name)

    def read(self, name: str) -> bytes:
        """See `FrameFiles`."""
        return (self.path / name).read_bytes()


@dataclasses.dataclass(frozen=True)
class FrameArchive:
    """Frames in a zip file; see `FrameFiles`.

    Attributes:
      path: of the zip file.
      prefix: of the file names within it.
    """

    path: pathlib.Path
    prefix: str

    def missing(self, names: Sequence[str]) -> list[str]:
        """See `FrameFiles`."""
        present = _members(_open_archive(self.path))
        return [name for name in names if self.prefix + name not in present]

    def describe(self, name: str) -> str:
        """See `FrameFiles`."""
        return self.prefix + name

    def read(self, name: str) -> bytes:
        """See `FrameFiles`.

        Raises:
          InputError: the archive is damaged.
        """
        try:
            archive = _open_archive(self.path)
            return archive.read(_members(archive)[self.prefix + name])
        except (OSError, zipfile.BadZipFile) as error:
            raise InputError(f"{self.path}: {self.prefix + name}: {error}") from error


def _open_archive(path: pathlib.Path) -> zipfile.ZipFile:
    try:
        return _archive(path, path.stat().st_mtime_ns)
    except (OSError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: damaged or partial archive ({error})") from error


@functools.lru_cache(maxsize=8)
def _archive(path: pathlib.Path, modified: int) -> zipfile.ZipFile:
    """Keeps archives open, since their lists of files are long."""
    return zipfile.ZipFile(path)


@functools.lru_cache(maxsize=8)
def _members(archive: zipfile.ZipFile) -> dict[str, str]:
    """Members by their names with "/"; zip files from old tools of Windows have backslashes."""
    return {name.replace("\\", "/"): name for name in archive.namelist()}


@contextlib.contextmanager
def _extracted(archive: pathlib.Path, names: Sequence[str]) -> Iterator[pathlib.Path]:
    """Extracts the first of some files that an archive holds, into a temporary folder."""
    content = _open_archive(archive)
    held = [name for name in names if name in content.namelist()]
    if not held:
        raise InputError(f"{archive}: holds no {' or '.join(names)}, expected the annotations")
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / pathlib.PurePosixPath(held[0]).name
        with content.open(held[0]) as source, open(path, "wb") as target:
            shutil.copyfileobj(source, target)
        try:
            yield path
        except InputError as error:
            raise InputError(str(error).replace(str(path), f"{archive}: {held[0]}")) from error


def _alternatives(names: Sequence[str]) -> str:
    return f" (or {', '.join(names)} in the same folder)" if names else ""
