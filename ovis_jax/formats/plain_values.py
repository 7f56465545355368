"""Values in memory as a JSON file would give them, for what numpy and its like make of them."""

from __future__ import annotations

import math
from collections.abc import Mapping

_DEPTH = 8  # of nested values; a polygon's numbers are the deepest, at six
_LARGEST = 1 << 16  # numbers of an array that is taken for a list; decoded masks are not


class Foreign:
    """Stands for a value that no JSON file could hold, so that it can be named and compared.

    Arrays answer comparisons with arrays; this is equal to nothing else.

    Attributes:
      text: what the value is, for messages.
    """

    def __init__(self, value: object):
        """Keeps nothing of the value but what it is."""
        shape = getattr(value, "shape", None)
        self.text = f"of type {type(value).__name__}" + (f" {shape}" if shape else "")


def plain(value: object, depth: int = _DEPTH) -> object:
    """The same value in the types that the json module makes; nothing is changed in place.

    Numbers and small arrays of numpy, JAX and others become Python's, tuples become lists, byte
    arrays bytes. Whatever else there is becomes `Foreign`, and so does what is nested more than
    `depth` deep, which no part of a record is.
    """
    if value is None or type(value) in (str, int, float, bool, bytes):
        return value
    if isinstance(value, bytearray):
        return bytes(value)
    if depth == 0:
        return Foreign(value)
    if isinstance(value, Mapping):
        return {key: plain(inner, depth - 1) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner, depth - 1) for inner in value]
    if hasattr(value, "tolist") and math.prod(getattr(value, "shape", ())) <= _LARGEST:
        return plain(value.tolist(), depth - 1)
    for base in (int, float, str):
        if isinstance(value, base):
            return base(value)
    return Foreign(value)


def kind(value: object) -> str:
    """The JSON name of a value's type; the name of the type for what JSON does not have."""
    if isinstance(value, Foreign):
        return value.text
    names = {
        dict: "an object",
        list: "a list",
        str: "a string",
        bool: "a truth value",
        int: "a number",
        float: "a number",
    }
    return "null" if value is None else names.get(type(value), f"of type {type(value).__name__}")
