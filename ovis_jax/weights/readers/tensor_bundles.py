"""Checkpoints of TensorFlow, `NAME.index` with `NAME.data-00000-of-00001`, without TensorFlow.

The index is a sorted string table of small messages (protocol buffers); the other files hold the
numbers. Text among the tensors, such as the graph of objects, is left out: no weight is text.
Checksums are not compared; sizes are.
"""

import dataclasses
import math
import pathlib
from collections.abc import Iterator

import ml_dtypes
import numpy as np

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers.sorted_tables import read_table, read_varint

_HEADER = b""  # the key of what is said of all tensors
_BIG_ENDIAN = 1
_TEXT = 7
_DTYPES = {
    1: np.dtype("<f4"),
    2: np.dtype("<f8"),
    3: np.dtype("<i4"),
    4: np.dtype("u1"),
    5: np.dtype("<i2"),
    6: np.dtype("i1"),
    9: np.dtype("<i8"),
    10: np.dtype("u1"),  # bool; a byte other than 0 and 1 is no bool to numpy
    14: np.dtype(ml_dtypes.bfloat16),
    19: np.dtype("<f2"),
}
_MOST_AXES = 32


@dataclasses.dataclass(frozen=True)
class _Entry:
    """Where a tensor lies.

    Attributes:
      dtype: TensorFlow's number of it.
      shape: of the tensor.
      shard: file that holds it.
      offset: first byte there.
      size: in bytes.
      is_slice: the tensor is stored in parts under other keys.
    """

    dtype: int = 0
    shape: tuple[int, ...] = ()
    shard: int = 0
    offset: int = 0
    size: int = 0
    is_slice: bool = False


def read_bundle(index: pathlib.Path, data: bytes) -> dict[str, np.ndarray]:
    """Read-only arrays by name.

    Args:
      index: path of the index; the files of the numbers lie beside it.
      data: what the index holds.

    Raises:
      InputError: the index is no index of tensors, or does not describe the files beside it.
    """
    table = read_table(data)
    if _HEADER not in table:
        raise InputError("a table without the header of a TensorFlow checkpoint")
    header = dict(_numbers(table.pop(_HEADER)))
    shards = header.get(1, 0)
    if header.get(2, 0) == _BIG_ENDIAN:
        raise InputError("a checkpoint of a big-endian machine, expected little-endian numbers")
    stem = str(index).removesuffix(".index")
    files: dict[int, bytes] = {}
    found = {}
    for key, value in table.items():
        name, entry = key.decode(errors="backslashreplace"), _entry(value)
        if entry.dtype == _TEXT:
            continue
        if not 0 <= entry.shard < shards:
            raise InputError(f"{name}: lies in file {entry.shard}, expected one of {shards}")
        if entry.shard not in files:
            path = pathlib.Path(f"{stem}.data-{entry.shard:05d}-of-{shards:05d}")
            if not path.is_file():
                raise InputError(f"{path.name}: expected a file of numbers beside the index")
            files[entry.shard] = path.read_bytes()
        found[name] = _tensor(name, entry, files[entry.shard])
    return found


def _tensor(name: str, entry: _Entry, data: bytes) -> np.ndarray:
    if entry.is_slice:
        raise InputError(f"{name}: is stored in parts, expected whole tensors")
    if entry.dtype not in _DTYPES:
        raise InputError(f"{name}: type {entry.dtype} of TensorFlow, expected numbers")
    dtype, count = _DTYPES[entry.dtype], math.prod(entry.shape)
    if len(entry.shape) > _MOST_AXES or entry.size != count * dtype.itemsize:
        raise InputError(f"{name}: shape {list(entry.shape)} in {entry.size} bytes")
    if entry.offset + entry.size > len(data):
        raise InputError(f"{name}: reaches to byte {entry.offset + entry.size} of {len(data)}")
    return np.frombuffer(data, dtype, count, entry.offset).reshape(entry.shape)


def _entry(message: bytes) -> _Entry:
    names = {1: "dtype", 3: "shard", 4: "offset", 5: "size"}
    fields: dict = {}
    for field, value in _numbers(message):
        if field == 2:
            fields["shape"] = tuple(_shape(value))
        elif field == 7:
            fields["is_slice"] = True
        elif field in names:
            fields[names[field]] = value
    return _Entry(**fields)


def _shape(message: bytes) -> Iterator[int]:
    """Sizes of a shape's axes."""
    for field, axis in _numbers(message):
        if field == 2:
            yield dict(_numbers(axis)).get(1, 0)


def _numbers(message: bytes) -> Iterator[tuple[int, int | bytes]]:
    """(field, value) pairs of a message: numbers, or the bytes of messages and text in it."""
    view, place = memoryview(message), 0
    while place < len(view):
        tag, place = read_varint(view, place)
        field, kind = tag >> 3, tag & 7
        if kind == 0:
            value, place = read_varint(view, place)
        elif kind == 2:
            size, place = read_varint(view, place)
            value, place = bytes(view[place : place + size]), place + size
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
            value, place = int.from_bytes(view[place : place + size], "little"), place + size
        else:
            raise InputError(f"a message with a field of kind {kind}")
        if place > len(view):
            raise InputError("a message ends within a field")
        yield field, value
