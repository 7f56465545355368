"""Tensors of PyTorch files: views of storages, as arrays; without PyTorch."""

import ml_dtypes
import numpy as np

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers.pickles import PLAIN_NAMES, Constructor, Sealed

_MOST_AXES = 32
_LARGEST = 2**62  # bytes or elements; a number above it would not fit numpy's indices
_STORAGE_DTYPES = {
    "DoubleStorage": np.dtype("<f8"),
    "FloatStorage": np.dtype("<f4"),
    "HalfStorage": np.dtype("<f2"),
    "BFloat16Storage": np.dtype(ml_dtypes.bfloat16),
    "LongStorage": np.dtype("<i8"),
    "IntStorage": np.dtype("<i4"),
    "ShortStorage": np.dtype("<i2"),
    "CharStorage": np.dtype("i1"),
    "ByteStorage": np.dtype("u1"),
    "BoolStorage": np.dtype("?"),
}


class Storage(Sealed):
    """A row of numbers that tensors are views of.

    Attributes:
      key: its name in the file.
      dtype: of the numbers.
      length: how many.
      data: their bytes, once read.
    """

    __slots__ = ("key", "dtype", "length", "data")

    def __init__(self, key: str, dtype: np.dtype, length: int):
        """A storage that is not read yet."""
        self.key, self.dtype, self.length, self.data = key, dtype, length, None

    @property
    def num_bytes(self) -> int:
        """Size in the file."""
        return self.length * self.dtype.itemsize

    def fill(self, data: bytes) -> None:
        """Takes the bytes.

        Raises:
          InputError: they are not as many as they should be.
        """
        if len(data) != self.num_bytes:
            raise InputError(
                f"storage {self.key!r}: expected {self.num_bytes} bytes, found {len(data)}"
            )
        if self.dtype == np.bool_:  # a byte other than 0 and 1 is no bool to numpy
            data = (np.frombuffer(data, np.uint8) != 0).tobytes()
        self.data = data


class StoredTensor(Sealed):
    """A view of a storage: element `i` is number `offset + sum(i * stride)`."""

    __slots__ = ("_storage", "_offset", "_size", "_stride")

    def __init__(self, storage: Storage, offset: int, size: tuple, stride: tuple):
        """Nothing is checked before `array`."""
        self._storage, self._offset, self._size, self._stride = storage, offset, size, stride

    def array(self) -> np.ndarray:
        """The view, read-only; it shares memory with other views of the storage.

        Raises:
          InputError: it is no view of the storage.
        """
        storage = self._storage
        if not isinstance(storage, Storage):
            raise InputError(f"a tensor of a {type(storage).__name__}, expected one of a storage")
        (offset,) = _naturals((self._offset,))
        size, stride = _naturals(self._size), _naturals(self._stride)
        if len(size) != len(stride) or len(size) > _MOST_AXES:
            raise InputError(f"a tensor of size {size} with strides {stride}")
        if 0 in size:
            return np.zeros(size, storage.dtype)
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if last >= storage.length:
            raise InputError(
                f"a tensor of size {size}, strides {stride} and offset {offset} reaches number "
                f"{last} of storage {storage.key!r}, which has {storage.length}"
            )
        width = storage.dtype.itemsize
        # A stride along an axis of length 1 means nothing and may be anything.
        steps = [step * width if n > 1 else 0 for n, step in zip(size, stride, strict=True)]
        return np.ndarray(size, storage.dtype, storage.data, offset * width, steps)


class Storages:
    """The storages of one file, and what its pickle may ask for."""

    def __init__(self):
        """None found so far."""
        self.by_key: dict[str, Storage] = {}
        self.names = PLAIN_NAMES | {
            ("torch._utils", "_rebuild_tensor"): Constructor(StoredTensor),
            ("torch._utils", "_rebuild_tensor_v2"): Constructor(_rebuild_tensor_v2),
            ("torch._utils", "_rebuild_parameter"): Constructor(_rebuild_parameter),
            # Types of storages are only ever named, so that their names will do.
            **{("torch", name): name for name in _STORAGE_DTYPES},
        }

    def find(self, persistent_id: object) -> Storage:
        """The storage of a persistent id ("storage", type, key, device, length[, view]).

        Raises:
          InputError: it is another id, or speaks of a known storage otherwise than before.
        """
        if not isinstance(persistent_id, tuple) or len(persistent_id) not in (5, 6):
            raise InputError("expected the id of a storage in the pickle")
        kind, type_name, key, _, length, *view = persistent_id
        if kind != "storage" or type_name not in _STORAGE_DTYPES or not isinstance(key, str):
            raise InputError("expected the id of a storage in the pickle")
        if view not in ([], [None]):
            raise InputError(f"storage {key!r}: a view of another one, as PyTorch before 0.4 wrote")
        dtype, (length,) = _STORAGE_DTYPES[type_name], _naturals((length,))
        storage = self.by_key.setdefault(key, Storage(key, dtype, length))
        if (storage.dtype, storage.length) != (dtype, length):
            raise InputError(f"storage {key!r}: two different lengths or types")
        return storage


def _rebuild_tensor_v2(storage, offset, size, stride, requires_grad, hooks, metadata=None):
    """As PyTorch names it; gradients, hooks and metadata say nothing about the numbers."""
    return StoredTensor(storage, offset, size, stride)


def _rebuild_parameter(tensor, requires_grad, hooks):
    """As PyTorch names it."""
    return tensor


def _naturals(values: object) -> tuple[int, ...]:
    """Integers of at least 0, small enough for numpy.

    Raises:
      InputError: there is something else among them.
    """
    if not isinstance(values, tuple | list) or any(
        type(v) is not int or not 0 <= v < _LARGEST for v in values
    ):
        raise InputError("expected sizes, strides and offsets of at least 0 in a tensor")
    return tuple(values)
