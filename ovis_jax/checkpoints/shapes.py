"""Whether variables that were stored are those of a model."""

from __future__ import annotations

from flax import traverse_util

from ovis_jax.formats.errors import InputError

FlatShapes = dict[str, tuple[int, ...]]


def flat_shapes(tree: dict) -> FlatShapes:
    """The shape of every array of a nested dictionary, by its path."""
    flat = traverse_util.flatten_dict(dict(tree), sep="/")
    return {path: tuple(leaf.shape) for path, leaf in flat.items()}


def check_shapes(name: str, found: FlatShapes, wanted: FlatShapes) -> None:
    """Compares the shapes of stored variables with those of a model.

    Args:
      name: of what was stored, for the message.
      found: shapes by path, as stored.
      wanted: likewise, of the model.

    Raises:
      InputError: they differ; names a variable that they do not share.
    """
    for path in sorted(set(found) | set(wanted)):
        if path not in found:
            raise InputError(f"{name}: {path}: expected {wanted[path]}, is missing")
        if path not in wanted:
            raise InputError(f"{name}: {path}: {found[path]} is no variable of the model")
        if found[path] != wanted[path]:
            raise InputError(
                f"{name}: {path}: shape {found[path]}, but the model has {wanted[path]}"
            )
