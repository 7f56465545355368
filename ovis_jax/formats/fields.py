"""Takes fields out of parsed JSON and says what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from ovis_jax.formats.errors import InputError
from ovis_jax.formats.plain_values import kind

LARGEST = 2**53  # from there on not every whole number is a float


def required(record: dict, field: str, where: str) -> object:
    """The value of a field.

    Raises:
      InputError: there is none; `where` names file and entry.
    """
    if field not in record:
        raise InputError(f"{where}: {field}: missing")
    return record[field]


def as_record(value: object, where: str) -> dict:
    """The value, which must be a JSON object."""
    if not isinstance(value, dict):
        raise InputError(f"{where}: expected an object, is {kind(value)}")
    return value


def whole_number(
    record: dict, field: str, where: str, *, minimum: int = -LARGEST, maximum: int = LARGEST
) -> int:
    """A field that is an integer; 3.0 is one as well.

    Raises:
      InputError: it is missing, something else, or not within `minimum` and `maximum`.
    """
    value = required(record, field, where)
    if type(value) is float and math.isfinite(value) and value.is_integer():
        value = int(value)
    if type(value) is not int:
        raise InputError(f"{where}: {field}: expected a whole number, is {shown(value)}")
    if value < minimum:
        raise InputError(f"{where}: {field}: expected at least {minimum}, is {shown(value)}")
    if value > maximum:
        raise InputError(f"{where}: {field}: expected at most {maximum}, is {shown(value)}")
    return value


def identifier(record: dict, field: str, where: str) -> int | str:
    """A field that tells entries apart: a whole number, or a string that is not empty.

    Raises:
      InputError: it is missing or something else.
    """
    value = required(record, field, where)
    if isinstance(value, str) and value:
        return value
    if type(value) not in (int, float):
        raise InputError(f"{where}: {field}: expected a number or a string, is {shown(value)}")
    return whole_number(record, field, where)


def list_of(record: dict, field: str, where: str, length: int | None = None) -> list:
    """A field that is a list, with one entry for each of `length` frames if that is given."""
    value = required(record, field, where)
    if not isinstance(value, list):
        raise InputError(f"{where}: {field}: expected a list, is {kind(value)}")
    if length is not None and len(value) != length:
        raise InputError(
            f"{where}: {field}: {len(value)} entries, expected {length}, the length of the video"
        )
    return value


def number_per_frame(values: Sequence, width: int, where: str) -> np.ndarray:
    """Numbers, or rows of numbers, for each frame.

    Args:
      values: per frame None, or a number (`width` 0), or a list of `width` numbers.
      width: see `values`.
      where: names file, entry and field.

    Returns:
      [T] or [T, width] float64; NaN where None.
    """
    nothing = [math.nan] * width if width else math.nan
    shape = (len(values), width) if width else (len(values),)
    try:
        array = np.array([nothing if v is None else v for v in values])
    except ValueError:
        array = np.array(None)
    if array.shape != shape or array.dtype.kind not in "iuf":
        for frame, value in enumerate(values):
            if not _is_row(value, width):
                wanted = f"a list of {width} numbers" if width else "a number"
                raise InputError(
                    f"{where}, frame {frame}: expected {wanted} or null, is {shown(value)}"
                )
        array = np.array([nothing if v is None else v for v in values], np.float64).reshape(shape)
    return array.astype(np.float64)


def shown(value: object) -> str:
    """A value as a message shows it: not too long."""
    try:
        text = repr(value) if isinstance(value, str | int | float) else kind(value)
    except ValueError:  # an integer of thousands of digits
        text = kind(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _is_row(value: object, width: int) -> bool:
    if value is None:
        return True
    row = value if width else [value]
    return (
        isinstance(row, list)
        and len(row) == (width or 1)
        and all(type(v) is float or (type(v) is int and abs(v) <= LARGEST) for v in row)
    )
