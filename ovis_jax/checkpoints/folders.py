"""What a user names: checkpoints, a work directory that has them, one of them, or a packed file."""

import contextlib
import pathlib
from collections.abc import Iterator, Sequence

from ovis_jax.checkpoints.packed import ENDING, read_packed
from ovis_jax.checkpoints.store import CheckpointStore, is_checkpoint
from ovis_jax.checkpoints.trees import check_shapes, flat_shapes, flattened, is_within, nested
from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.errors import InputError

_INSIDE = "checkpoints"  # of a work directory


def restore_from(
    folder: pathlib.Path | str, variables: dict, passed_over: Sequence[str] = ()
) -> dict:
    """Reads the variables of a checkpoint into a tree like the arrays or shapes given.

    Args:
      folder: of checkpoints, or a work directory, of which the newest is read; or the folder of
        one checkpoint, such as `checkpoints/1500`; or a packed model, one file.
      variables: arrays or shapes.
      passed_over: see `CheckpointStore.restore_variables`.

    Raises:
      InputError: there is no checkpoint, it is of another model, or damaged.
    """
    if pathlib.Path(folder).is_file():
        return _restore_packed(folder, variables, passed_over)
    with _chosen(folder) as (store, step):
        return store.restore_variables(variables, step, passed_over)


def checkpoint_categories(folder: pathlib.Path | str) -> tuple[Category, ...] | None:
    """What the labels of a checkpoint mean, in their order; None if it does not say so.

    Args:
      folder: as for `restore_from`.

    Raises:
      InputError: there is no checkpoint, or it is damaged.
    """
    if pathlib.Path(folder).is_file():
        return read_packed(folder).categories
    with _chosen(folder) as (store, step):
        records = store.restore_meta(step).get("categories")
    return records and tuple(Category(record["id"], record["name"]) for record in records)


def checkpoint_identities(folder: pathlib.Path | str) -> int | None:
    """How many identities a checkpoint was trained to tell apart; None if it does not say so.

    Args:
      folder: as for `restore_from`.

    Raises:
      InputError: there is no checkpoint, or it is damaged.
    """
    if pathlib.Path(folder).is_file():
        return read_packed(folder).config["model"].get("num_identities")
    with _chosen(folder) as (store, step):
        return store.restore_meta(step).get("num_identities")


def has_checkpoint(folder: pathlib.Path | str) -> bool:
    """Whether a folder holds a checkpoint, as `restore_from` would find it."""
    folder = pathlib.Path(folder)
    if folder.is_file():
        return folder.suffix == ENDING
    inside = folder / _INSIDE
    held = inside if inside.is_dir() else folder
    return is_checkpoint(folder) or (held.is_dir() and any(map(is_checkpoint, held.iterdir())))


def _restore_packed(path: pathlib.Path | str, variables: dict, passed_over: Sequence[str]) -> dict:
    found = flattened(read_packed(path).variables)
    kept = nested({name: x for name, x in found.items() if not is_within(name, passed_over)})
    check_shapes(str(path), flat_shapes(kept), flat_shapes(variables))
    return kept


@contextlib.contextmanager
def _chosen(folder: pathlib.Path | str) -> Iterator[tuple[CheckpointStore, int | None]]:
    """The checkpoints of a folder and the number of the one that is meant; None: the newest."""
    folder = pathlib.Path(folder).absolute()
    if is_checkpoint(folder):
        name = folder.name
        if not (name.isascii() and name.isdigit() and str(int(name)) == name):
            raise InputError(f"{folder}: a checkpoint, expected the number of its step as the name")
        with CheckpointStore(folder.parent) as store:
            yield store, int(name)
        return
    inside = folder / _INSIDE
    with CheckpointStore(inside if inside.is_dir() else folder) as store:
        yield store, None
