"""Weights in several files, and the index that says which tensor is in which of them."""

import json
import pathlib
import re
from collections.abc import Callable, Mapping

import numpy as np

from ovis_jax.formats.errors import InputError

_INDEX = ".index.json"
_MAP = "weight_map"
_SHARD = re.compile(r"^(?P<stem>.+)-(?P<number>\d+)-of-(?P<count>\d+)(?P<suffix>\.\w+)$")
# What libraries call the weights in a folder, if one file has them all.
_WHOLE = ("model.safetensors", "pytorch_model.bin")
_DISTRIBUTED = ".metadata"  # of torch.distributed.checkpoint

Read = Callable[[pathlib.Path], Mapping[str, np.ndarray]]


def is_index(path: pathlib.Path) -> bool:
    """Whether a file is an index, by its name."""
    return path.name.endswith(_INDEX)


def weights_in(folder: pathlib.Path) -> pathlib.Path:
    """The index in a folder, or the file that has all weights.

    Raises:
      InputError: there is neither, or more than one.
    """
    found = sorted(p for p in folder.iterdir() if is_index(p))
    found = found or [folder / name for name in _WHOLE if (folder / name).is_file()]
    if len(found) == 1:
        return found[0]
    if found:
        raise InputError(f"{folder}: expected one of {', '.join(p.name for p in found)}")
    if (folder / _DISTRIBUTED).is_file():
        raise InputError(
            f"{folder}: a folder of torch.distributed.checkpoint, expected a file of weights; "
            "torch.distributed.checkpoint.format_utils.dcp_to_torch_save makes one"
        )
    raise InputError(f"{folder}: expected a file of weights, or a folder with a *{_INDEX}")


def check_is_whole(path: pathlib.Path) -> None:
    """Raises InputError for a file that is named as one of several shards."""
    name = _SHARD.match(path.name)
    if name and int(name["count"]) > 1:
        raise InputError(
            f"{path}: one of {int(name['count'])} shards, expected their index "
            f"({name['stem']}{name['suffix']}{_INDEX}) or the folder of both"
        )


def read_shards(index: pathlib.Path, read: Read) -> dict[str, np.ndarray]:
    """The tensors of all shards by name.

    Args:
      index: path of the index; the shards lie beside it.
      read: gives the tensors of one shard.

    Raises:
      InputError: the index is no index, a shard is missing, or index and shards do not agree.
    """
    shard_of = _read_index(index)
    tensors: dict[str, np.ndarray] = {}
    for shard in sorted(set(shard_of.values())):
        path = index.parent / shard
        if not path.is_file():
            raise InputError(f"{index}: {shard}: expected a file of weights beside the index")
        for name, tensor in read(path).items():
            if shard_of.get(name) != shard:
                place = f"puts it in {shard_of[name]}" if name in shard_of else "does not name it"
                raise InputError(f"{path}: {name}: stands here, but {index.name} {place}")
            tensors[name] = tensor
    for name, shard in shard_of.items():
        if name not in tensors:
            raise InputError(f"{index}: {ascii(name)}: expected in {shard}, is not there")
    return tensors


def _read_index(index: pathlib.Path) -> dict[str, str]:
    """Names of shards by name of tensor."""
    try:
        content = json.loads(index.read_bytes(), object_pairs_hook=_without_duplicates)
    except (ValueError, RecursionError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{index}: cannot be read as an index of shards: {reason}") from error
    shard_of = content.get(_MAP) if isinstance(content, dict) else None
    if not isinstance(shard_of, dict) or not shard_of:
        raise InputError(f"{index}: expected {_MAP!r}, from names of tensors to names of shards")
    for name, shard in shard_of.items():
        if not isinstance(shard, str) or not _is_plain(shard):
            raise InputError(
                f"{index}: {ascii(name)}: expected the name of a file beside the index, "
                f"is {ascii(shard)[:80]}"
            )
    return shard_of


def _is_plain(name: str) -> bool:
    """Whether a name stands for a file of the same folder on any system."""
    return (
        name not in ("", ".", "..")
        and name.isprintable()
        and not any(character in name for character in "/\\:")
    )


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InputError("a name stands there twice")
    return found
