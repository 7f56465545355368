"""Folders of files, one for each video, as most formats have them."""

from __future__ import annotations

import pathlib

from ovis_jax.formats.errors import InputError
from ovis_jax.formats.frame_names import files_in_order, is_passed_over, natural_key


def subfolders(path: pathlib.Path, suffix: str) -> list[tuple[str, list[pathlib.Path]]]:
    """Name and files of every video: of the folder itself, or of each folder in it.

    Args:
      path: the folder.
      suffix: of the files, in small letters.

    Returns:
      The files in the order of `natural_order`, videos likewise. Hidden folders, and those in which
      systems keep things of their own, are passed over.

    Raises:
      InputError: there is no file with this suffix, or the order of files is in doubt.
    """
    if not path.is_dir():
        wrong = "is a file, expected a folder" if path.exists() else "no such folder"
        raise InputError(f"{path}: {wrong}")
    inner = [f for f in path.iterdir() if f.is_dir() and not is_passed_over(f.name)]
    folders = [path, *sorted(inner, key=lambda folder: (natural_key(folder.name), folder.name))]
    found = [(_name_of(folder), files_in_order(folder, (suffix,))) for folder in folders]
    videos = [(name, files) for name, files in found if files]
    if not videos:
        raise InputError(f"{path}: no {suffix} file, here or in a folder for each video")
    return videos


def _name_of(folder: pathlib.Path) -> str:
    """The last part of a path, also of `.` and of one that ends in `..`."""
    return folder.name if folder.name not in ("", "..") else folder.resolve().name
