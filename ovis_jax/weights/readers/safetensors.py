"""Safetensors files: eight bytes of header length, a JSON header, the numbers."""

import json
import math

import ml_dtypes
import numpy as np

from ovis_jax.formats.errors import InputError

_LENGTH_BYTES = 8
_MOST_AXES = 32
_LARGEST = 2**62  # a number above it would not fit numpy's indices
_DTYPES = {
    "F64": np.dtype("<f8"),
    "F32": np.dtype("<f4"),
    "F16": np.dtype("<f2"),
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "I64": np.dtype("<i8"),
    "I32": np.dtype("<i4"),
    "I16": np.dtype("<i2"),
    "I8": np.dtype("i1"),
    "U64": np.dtype("<u8"),
    "U32": np.dtype("<u4"),
    "U16": np.dtype("<u2"),
    "U8": np.dtype("u1"),
    "BOOL": np.dtype("u1"),  # a byte other than 0 and 1 is no bool to numpy
}


def is_safetensors(data: bytes) -> bool:
    """Whether a file begins like one: with the length of a header below 4 GiB, and the header.

    The first bytes of the length may look like those of any other kind; the zeros do not.
    """
    return data[4:_LENGTH_BYTES] == bytes(4) and data[_LENGTH_BYTES : _LENGTH_BYTES + 1] == b"{"


def read_safetensors(data: bytes) -> dict[str, np.ndarray]:
    """Read-only arrays by name.

    Raises:
      InputError: the header does not describe the rest of the file, byte for byte.
      Exception: the header is no JSON.
    """
    start = _LENGTH_BYTES + int.from_bytes(data[:_LENGTH_BYTES], "little")
    if start > len(data):
        raise InputError(f"expected a header of {start} bytes, the file has {len(data)}")
    header = json.loads(data[_LENGTH_BYTES:start], object_pairs_hook=_without_duplicates)
    header.pop("__metadata__", None)
    entries = {name: _checked(name, entry) for name, entry in header.items()}
    _check_coverage(entries, len(data) - start)
    return {
        name: np.frombuffer(data, dtype, math.prod(shape), start + begin).reshape(shape)
        for name, (dtype, shape, begin, _) in entries.items()
    }


def _checked(name: str, entry: object) -> tuple[np.dtype, list[int], int, int]:
    """dtype, shape, begin and end of an entry of the header."""
    if not isinstance(entry, dict) or set(entry) != {"dtype", "shape", "data_offsets"}:
        raise InputError(f"{name!r}: expected dtype, shape and data_offsets")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if code not in _DTYPES:
        raise InputError(f"{name!r}: unknown dtype, expected one of {', '.join(_DTYPES)}")
    if not _are_naturals(shape) or not _are_naturals(offsets) or len(offsets) != 2:
        raise InputError(f"{name!r}: expected a shape and two offsets of at least 0")
    begin, end = offsets
    if end - begin != math.prod(shape) * _DTYPES[code].itemsize:
        raise InputError(f"{name!r}: shape {shape} of {code} does not fill bytes {begin} to {end}")
    return _DTYPES[code], shape, begin, end


def _check_coverage(entries: dict, num_bytes: int) -> None:
    """Raises InputError unless the tensors follow one another and fill the file."""
    position = 0
    for begin, end, name in sorted((entry[2], entry[3], name) for name, entry in entries.items()):
        if begin != position:
            raise InputError(f"{name!r}: begins at byte {begin}, expected {position}")
        position = end
    if position != num_bytes:
        raise InputError(f"expected {position} bytes of tensors, found {num_bytes}")


def _are_naturals(values: object) -> bool:
    """Whether these are sizes or offsets; short, as the product of many long ones takes forever."""
    return (
        isinstance(values, list)
        and len(values) <= _MOST_AXES
        and all(type(v) is int and 0 <= v < _LARGEST for v in values)
    )


def _without_duplicates(pairs: list[tuple[str, object]]) -> dict:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise InputError("a name stands in the header twice")
    return found
