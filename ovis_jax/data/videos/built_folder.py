"""What a built data set says of itself: the `dataset_info.json` of TensorFlow Datasets.

It is read here, and not by TensorFlow Datasets, so that training on records needs neither.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any

from etils import epath

from ovis_jax.formats.errors import InputError

_TEMPLATE = "{DATASET}-{SPLIT}.{FILEFORMAT}-{SHARD_X_OF_Y}"  # where a split names none
_FORMAT = "tfrecord"  # likewise


@dataclasses.dataclass(frozen=True)
class BuiltFolder:
    """The files of a data set of one configuration and version.

    Attributes:
      file_format: "array_record", "tfrecord" or another that TensorFlow Datasets writes.
      splits: paths of the record files of each split, in their order.
    """

    file_format: str
    splits: Mapping[str, Sequence[str]]


def read_built_folder(folder: epath.PathLike) -> BuiltFolder:
    """Reads which files a folder has.

    Raises:
      InputError: it holds no data set that was built to its end.
    """
    try:
        info = json.loads((epath.Path(folder) / "dataset_info.json").read_text())
        file_format = info.get("fileFormat") or _FORMAT
        splits = {
            split["name"]: tuple(_paths(folder, info["name"], split, file_format))
            for split in info["splits"]
        }
    except (AttributeError, KeyError, IndexError, TypeError, ValueError, OSError) as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(f"{folder}: no data set built by tfds ({reason})") from error
    return BuiltFolder(file_format, splits)


def _paths(
    folder: epath.PathLike, dataset: str, split: Mapping[str, Any], file_format: str
) -> list[str]:
    """The record files of a split."""
    root, count = epath.Path(folder), len(split["shardLengths"])
    digits = max(5, len(str(count)))
    template = split.get("filepathTemplate") or _TEMPLATE
    names = {"DATASET": dataset, "SPLIT": split["name"], "FILEFORMAT": file_format}
    paths = []
    for index in range(count):
        numbers = {"SHARD_INDEX": f"{index:0{digits}}", "NUM_SHARDS": f"{count:0{digits}}"}
        both = "{SHARD_INDEX}-of-{NUM_SHARDS}".format(**numbers)
        paths.append(f"{root}/{template.format(**names, **numbers, SHARD_X_OF_Y=both)}")
    return paths
