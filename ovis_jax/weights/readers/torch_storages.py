"""Storages of PyTorch files: rows of numbers that tensors are views of; without PyTorch."""

from collections.abc import Callable

import ml_dtypes
import numpy as np

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers.pickle_objects import StandIn

LARGEST = 2**62  # bytes or elements; a number above it would not fit numpy's indices
_DTYPES = {
    "torch.DoubleStorage": np.dtype("<f8"),
    "torch.FloatStorage": np.dtype("<f4"),
    "torch.HalfStorage": np.dtype("<f2"),
    "torch.BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "torch.LongStorage": np.dtype("<i8"),
    "torch.IntStorage": np.dtype("<i4"),
    "torch.ShortStorage": np.dtype("<i2"),
    "torch.CharStorage": np.dtype("i1"),
    "torch.ByteStorage": np.dtype("u1"),
    "torch.BoolStorage": np.dtype("?"),
    "torch.storage.UntypedStorage": np.dtype("u1"),
}
# Of these only the size is known: they may stand beside the weights, not among them.
_FOREIGN = {
    "torch.ComplexFloatStorage": np.dtype("V8"),
    "torch.ComplexDoubleStorage": np.dtype("V16"),
    "torch.QInt8Storage": np.dtype("V1"),
    "torch.QUInt8Storage": np.dtype("V1"),
    "torch.QInt32Storage": np.dtype("V4"),
    "torch.QUInt4x2Storage": np.dtype("V1"),
    "torch.QUInt2x4Storage": np.dtype("V1"),
}


class Storage:
    """A row of numbers.

    Attributes:
      key: its name in the file.
      type_name: such as "torch.FloatStorage".
      length: how many numbers.
    """

    __slots__ = ("key", "type_name", "length", "_dtype", "_read", "_data", "_negated")

    def __init__(self, key: str, type_name: str, length: int):
        """A storage whose place in the file is not known yet."""
        self.key, self.type_name, self.length = key, type_name, length
        self._dtype = _DTYPES.get(type_name, _FOREIGN.get(type_name))
        self._read, self._data, self._negated = None, None, None

    @property
    def num_bytes(self) -> int:
        """Size in the file.

        Raises:
          InputError: the type is not known.
        """
        if self._dtype is None:
            raise InputError(f"storage {self.key!r}: of the unknown type {ascii(self.type_name)}")
        return self.length * self._dtype.itemsize

    def place(self, read: Callable[[], bytes | memoryview]) -> None:
        """Takes what reads its bytes, which is called when a tensor needs them."""
        self._read = read

    def numbers(self) -> np.ndarray:
        """All of them, [length], read-only; the same memory at every call.

        Raises:
          InputError: they are no real numbers, or not as many as they should be.
        """
        if self.type_name not in _DTYPES:
            raise InputError(f"a tensor of {ascii(self.type_name)}, expected one of real numbers")
        if self._data is None:
            data = self._read() if self._read else b""
            if len(data) != self.num_bytes:
                raise InputError(
                    f"storage {self.key!r}: expected {self.num_bytes} bytes, found {len(data)}"
                )
            if self._dtype == np.bool_:  # a byte other than 0 and 1 is no bool to numpy
                data = (np.frombuffer(data, np.uint8) != 0).tobytes()
            self._data = np.frombuffer(data, self._dtype)
        return self._data

    def negated(self) -> np.ndarray:
        """As `numbers`, with the other sign; made once, however many tensors ask.

        Raises:
          InputError: they have no sign.
        """
        if self._negated is None:
            numbers = self.numbers()
            if numbers.dtype.kind in "bu":
                raise InputError(f"a tensor with the negative bit of {numbers.dtype}")
            self._negated = -numbers
            self._negated.flags.writeable = False
        return self._negated


class Storages:
    """The storages of one file, as its pickle names them."""

    def __init__(self):
        """None found so far."""
        self.by_key: dict[str, Storage] = {}

    def find(self, persistent_id: object) -> object:
        """The storage of a persistent id ("storage", type, key, device, length[, view]).

        Any other id gives a stand-in, and a storage that is a view of another one, too.

        Raises:
          InputError: it speaks of a known storage otherwise than before.
        """
        if not isinstance(persistent_id, tuple) or len(persistent_id) not in (5, 6):
            return StandIn("persistent id")
        kind, storage_type, key, _, length, *view = persistent_id
        if kind != "storage" or not isinstance(storage_type, StandIn) or not isinstance(key, str):
            return StandIn("persistent id")
        if type(length) is not int or not 0 <= length < LARGEST:
            raise InputError(f"storage {ascii(key)}: expected a length of at least 0")
        name = storage_type.name
        storage = self.by_key.setdefault(key, Storage(key, name, length))
        if (storage.type_name, storage.length) != (name, length):
            raise InputError(f"storage {ascii(key)}: two different lengths or types")
        if view not in ([], [None]):
            return StandIn("a view of another storage, as PyTorch before 0.4 wrote")
        return storage
