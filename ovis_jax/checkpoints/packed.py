"""A model in one small file: weights, configuration and names of its categories.

The file is an `.npz`: an array `weights/PATH` for each variable, and `description`, the bytes of a
JSON object. It needs no Orbax to be read, and nothing in it is run.
"""

from __future__ import annotations

import dataclasses
import json
import pathlib
import zipfile
from collections.abc import Sequence
from typing import Any

import numpy as np
from flax import traverse_util

from ovis_jax.formats.annotation_records import Category
from ovis_jax.formats.atomic import open_atomic
from ovis_jax.formats.errors import InputError

ENDING = ".npz"
_FORMAT, _PREFIX, _DESCRIPTION = "ovis_jax packed model 1", "weights/", "description"


@dataclasses.dataclass(frozen=True)
class PackedModel:
    """What a packed file holds.

    Attributes:
      variables: what the model is applied to; nested, float32.
      config: nested values of the whole configuration, lists as tuples.
      categories: in the order of the model's labels.
      source: JSON that tells where the weights come from.
    """

    variables: dict
    config: dict[str, Any]
    categories: tuple[Category, ...]
    source: dict[str, Any]


def write_packed(
    path: pathlib.Path | str,
    variables: dict,
    config: dict[str, Any],
    categories: Sequence[Category],
    source: dict[str, Any],
) -> None:
    """Writes a model; floating-point weights in half precision.

    Args:
      path: ends in ENDING.
      variables: nested arrays.
      config: nested values, all of JSON's types.
      categories: see `PackedModel`.
      source: see `PackedModel`.

    Raises:
      InputError: the name has another ending, or a weight does not fit half precision.
    """
    if pathlib.Path(path).suffix != ENDING:
        raise InputError(f"{path}: expected a name that ends in {ENDING}")
    flat = traverse_util.flatten_dict(variables, sep="/")
    arrays = {_PREFIX + name: _halved(path, name, np.asarray(x)) for name, x in flat.items()}
    records = [dataclasses.asdict(category) for category in categories]
    about = {"format": _FORMAT, "config": config, "categories": records, "source": source}
    arrays[_DESCRIPTION] = np.frombuffer(json.dumps(about).encode(), np.uint8)
    with open_atomic(path, "wb") as file:
        np.savez_compressed(file, **arrays)


def read_packed(path: pathlib.Path | str) -> PackedModel:
    """Reads a file of `write_packed`.

    Raises:
      InputError: it is another file, or damaged.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            about = json.loads(arrays[_DESCRIPTION].tobytes())
            weights = {
                tuple(name.removeprefix(_PREFIX).split("/")): _restored(arrays[name])
                for name in arrays.files
                if name.startswith(_PREFIX)
            }
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or 'cannot be read'}") from error
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise InputError(f"{path}: no packed model, or a damaged one") from error
    if not isinstance(about, dict) or about.get("format") != _FORMAT:
        raise InputError(f"{path}: format: expected {_FORMAT!r}")
    return PackedModel(
        variables=traverse_util.unflatten_dict(weights),
        config=with_tuples(about["config"]),
        categories=tuple(Category(x["id"], x["name"]) for x in about["categories"]),
        source=about["source"],
    )


def _halved(path: pathlib.Path | str, name: str, values: np.ndarray) -> np.ndarray:
    if not np.issubdtype(values.dtype, np.floating):
        return values
    with np.errstate(over="ignore"):  # reported below
        half = values.astype(np.float16)
    if not np.isfinite(half).all():
        raise InputError(f"{path}: {name}: a value does not fit half precision")
    return half


def _restored(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32) if values.dtype == np.float16 else values


def with_tuples(value: Any) -> Any:
    """The value as configurations have it: JSON knows lists only."""
    if isinstance(value, dict):
        return {key: with_tuples(item) for key, item in value.items()}
    return tuple(map(with_tuples, value)) if isinstance(value, list) else value
