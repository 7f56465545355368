"""Whether files and folders can be written, asked before the work that fills them."""

import pathlib

from ovis_jax.formats.errors import InputError


def check_output(folder: pathlib.Path) -> None:
    """Looks that a folder is there or can be made.

    Raises:
      InputError: it, or what it would be in, is a file.
    """
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        raise InputError(f"{folder}: {there} is a file, expected a folder")


def check_output_file(path: pathlib.Path) -> None:
    """Looks that a file can be written, over an older one or anew.

    Raises:
      InputError: it is a folder, or what it would be in is a file.
    """
    if path.is_dir():
        raise InputError(f"{path}: a folder, expected the name of a file")
    check_output(path.parent)
