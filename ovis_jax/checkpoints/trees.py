"""Trees of arrays of a checkpoint: their paths, shapes, and places to restore to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
from flax import traverse_util
from jax.sharding import SingleDeviceSharding

from ovis_jax.formats.errors import InputError

Shape = tuple[int, ...]


def is_within(path: str, parts: Sequence[str]) -> bool:
    """Whether the path of a variable is one of some parts, or lies in one."""
    return any(f"{path}/".startswith(f"{part}/") for part in parts)


def targets(tree: Any) -> Any:
    """Shapes, dtypes and places to restore to: those of the leaves, else this process's device."""
    here = SingleDeviceSharding(jax.local_devices()[0])

    def target(leaf):
        place = getattr(leaf, "sharding", None) or here
        return jax.ShapeDtypeStruct(leaf.shape, leaf.dtype, sharding=place)

    return jax.tree.map(target, tree)


def shapes_of(tree: Any) -> Any:
    """Shapes and dtypes without places."""
    return jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), tree)


def flat_shapes(tree: Any) -> dict[str, Shape]:
    """Shapes of the leaves, by path."""
    return {path: tuple(leaf.shape) for path, leaf in flattened(tree).items()}


def check_shapes(name: str, found: dict[str, Shape], wanted: dict[str, Shape]) -> None:
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


def flattened(tree: Any) -> dict[str, Any]:
    """The leaves by path, such as "params/box/logits/kernel"."""
    return traverse_util.flatten_dict(dict(tree), sep="/")


def nested(leaves: dict[str, Any]) -> dict:
    """The inverse of `flattened`."""
    return traverse_util.unflatten_dict(leaves, sep="/")
