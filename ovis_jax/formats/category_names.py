"""Whether a file has the categories that a model knows: names tell, ids may be any."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Sequence

from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.errors import InputError

_SHOWN = 5  # names of each side in an error

Key = tuple[str, int]  # of a category: its name, and how many before it have the same


def ids_of_labels(
    model: Sequence[Category], found: Sequence[Category], path: str, known_from: str
) -> list[int]:
    """The ids that a file has for the labels of a model, in the order of the labels.

    Args:
      model: its categories, in the order of its labels.
      found: the file's categories.
      path: of the file.
      known_from: where the model's categories are from, for the error.

    Raises:
      InputError: the names differ; says which.
    """
    ids = dict(zip(_keys(found), (category.id for category in found), strict=True))
    wanted = _keys(model)
    lacking, unknown = _names(set(wanted) - set(ids)), _names(set(ids) - set(wanted))
    if lacking or unknown:
        differences = [f"lacks {_shown(lacking)}"] if lacking else []
        differences += [f"has {_shown(unknown)}, which the model does not know"] if unknown else []
        raise InputError(
            f"{path}: categories: {' and '.join(differences)}; the model's are those of "
            f"{known_from}: {_shown([category.name for category in model])}"
        )
    return [ids[key] for key in wanted]


def same_labels(one: Sequence[Category], other: Sequence[Category]) -> bool:
    """Whether two models with these categories mean the same by each label."""
    return [category.name for category in one] == [category.name for category in other]


def _keys(categories: Sequence[Category]) -> list[Key]:
    seen: collections.Counter[str] = collections.Counter()
    keys = []
    for category in categories:
        keys.append((category.name, seen[category.name]))
        seen[category.name] += 1
    return keys


def _names(keys: Iterable[Key]) -> list[str]:
    return [name for name, _ in sorted(keys)]


def _shown(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(repr, names[:_SHOWN])) + more
