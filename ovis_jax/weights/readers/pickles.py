"""Pickles that may build nothing but what a caller admits.

A pickle is a program. Here it can look up only the names of a table, call only `Constructor`s, and
change nothing but the plain containers and the records that it made itself.
"""

import io
import pickle
import pickletools
from collections.abc import Callable, Mapping

from ovis_jax.formats.errors import InputError

# A pickle numbers the objects it refers to again; the unpickler makes room up to the largest one.
_MOST_OBJECTS = 10_000_000
# These ask the interpreter's own registry for a name, past `find_class`.
_EXTENSIONS = ("EXT1", "EXT2", "EXT4")


class Sealed:
    """A record that a pickle may hold and pass on, but not fill."""

    __slots__ = ()

    def __setstate__(self, state):
        """Refuses the state that a pickle brings for it."""
        raise InputError(f"expected weights, found a pickle that changes a {type(self).__name__}")


class Constructor(Sealed):
    """A function that a pickle may call."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable):
        """Calls `make`."""
        self._make = make

    def __call__(self, *args):
        """Makes one object."""
        return self._make(*args)


class PlainDict(dict):
    """What an OrderedDict becomes; attributes that the pickle gives it are dropped."""

    def __setstate__(self, state):
        """Drops the attributes (PyTorch's `_metadata`)."""


# Names are pairs (module, name); both spellings of a set are those of Python 2 and 3.
PLAIN_NAMES = {
    ("collections", "OrderedDict"): Constructor(PlainDict),
    ("builtins", "set"): Constructor(set),
    ("__builtin__", "set"): Constructor(set),
}


class _Unpickler(pickle.Unpickler):
    def __init__(self, data: bytes, admitted: Mapping, persistent_load: Callable | None):
        super().__init__(io.BytesIO(data), encoding="latin1")
        self._admitted = admitted
        if persistent_load is not None:
            self.persistent_load = persistent_load

    def find_class(self, module: str, name: str):
        """The object of a name in the table."""
        if (module, name) not in self._admitted:
            raise InputError(f"expected weights, found a pickle that needs {f'{module}.{name}'!r}")
        return self._admitted[module, name]


def load_pickle(
    file: io.BytesIO, admitted: Mapping, persistent_load: Callable | None = None
) -> object:
    """Unpickles the object at the position of a file, which moves to its end.

    Args:
      file: in memory.
      admitted: what the pickle may look up, by (module, name).
      persistent_load: gives the object of a persistent id.

    Raises:
      InputError: a name is not admitted.
      Exception: whatever a damaged pickle leads to.
    """
    start = file.tell()
    for opcode, argument, _ in pickletools.genops(file):
        if opcode.name in _EXTENSIONS:
            raise InputError("expected weights, found a pickle that needs an extension code")
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and int(argument) > _MOST_OBJECTS:
            raise InputError(f"damaged: a pickle with an object number {argument}")
    data = file.getbuffer()[start : file.tell()]
    return _Unpickler(bytes(data), admitted, persistent_load).load()
