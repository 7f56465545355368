"""What a user names: checkpoints, a work directory that has them, one of them, or a packed file."""

import pathlib

from ovis_jax.checkpoints.packed import read_packed
from ovis_jax.checkpoints.shapes import check_shapes, flat_shapes
from ovis_jax.checkpoints.store import CheckpointStore, is_checkpoint
from ovis_jax.formats.errors import InputError

_INSIDE = "checkpoints"  # of a work directory


def restore_from(folder: pathlib.Path | str, variables: dict) -> dict:
    """Reads the variables of a checkpoint into a tree like the arrays or shapes given.

    Args:
      folder: of checkpoints, or a work directory, of which the newest is read; or the folder of
        one checkpoint, such as `checkpoints/1500`; or a packed model, one file.
      variables: arrays or shapes.

    Raises:
      InputError: there is no checkpoint, it is of another model, or damaged.
    """
    folder = pathlib.Path(folder).absolute()
    if folder.is_file():
        found = read_packed(folder).variables
        check_shapes(str(folder), flat_shapes(found), flat_shapes(variables))
        return found
    if is_checkpoint(folder):
        return _restore_step(folder, variables)
    inside = folder / _INSIDE
    with CheckpointStore(inside if inside.is_dir() else folder) as store:
        return store.restore_variables(variables)


def has_checkpoint(folder: pathlib.Path | str) -> bool:
    """Whether a folder holds a checkpoint, as `restore_from` would find it."""
    folder = pathlib.Path(folder)
    inside = folder / _INSIDE
    held = inside if inside.is_dir() else folder
    return is_checkpoint(folder) or (held.is_dir() and any(map(is_checkpoint, held.iterdir())))


def _restore_step(folder: pathlib.Path, variables: dict) -> dict:
    name = folder.name
    if not (name.isascii() and name.isdigit() and str(int(name)) == name):
        raise InputError(f"{folder}: a checkpoint, expected the number of its step as the name")
    with CheckpointStore(folder.parent) as store:
        return store.restore_variables(variables, int(name))
