"""Tensors of PyTorch files: views of storages, as arrays; without PyTorch."""

import ml_dtypes
import numpy as np

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers.numpy_pickle import NumpyFunctions, PickledArray
from ovis_jax.weights.readers.pickle_objects import Constructor, StandIn
from ovis_jax.weights.readers.torch_storages import LARGEST, Storage

_MOST_AXES = 32
# Types that have no storage of their own: their storages are bytes.
_UNTYPED = {
    "torch.uint16": np.dtype("<u2"),
    "torch.uint32": np.dtype("<u4"),
    "torch.uint64": np.dtype("<u8"),
    "torch.float8_e4m3fn": np.dtype(ml_dtypes.float8_e4m3fn),
    "torch.float8_e4m3fnuz": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "torch.float8_e5m2": np.dtype(ml_dtypes.float8_e5m2),
    "torch.float8_e5m2fnuz": np.dtype(ml_dtypes.float8_e5m2fnuz),
}
# Classes of tensors that are nothing but their numbers.
_PLAIN_TENSORS = ("torch.Tensor", "torch.nn.parameter.Parameter", "torch.nn.parameter.Buffer")
_BITS = {"neg", "conj"}


class StoredTensor:
    """A view of a storage: element `i` is number `offset + sum(i * stride)`.

    Nothing is checked before `array`: tensors beside the weights may be of any kind.
    """

    __slots__ = ("_storage", "_offset", "_size", "_stride", "_dtype", "_metadata")

    def __init__(self, storage, offset, size, stride, *, dtype=None, metadata=None):
        """Takes what the pickle gives; `dtype` is a `StandIn` for storages of bytes."""
        self._storage, self._offset, self._size, self._stride = storage, offset, size, stride
        self._dtype, self._metadata = dtype, metadata

    def array(self) -> np.ndarray:
        """The view, read-only; it shares memory with other views of the storage.

        Raises:
          InputError: it is no view of the storage, or not of real numbers.
        """
        numbers = self._numbers()
        (offset,) = _naturals((self._offset,))
        size, stride = _naturals(self._size), _naturals(self._stride)
        if len(size) != len(stride) or len(size) > _MOST_AXES:
            raise InputError(f"a tensor of size {size} with strides {stride}")
        if 0 in size:
            return np.zeros(size, numbers.dtype)
        last = offset + sum((n - 1) * step for n, step in zip(size, stride, strict=True))
        if last >= len(numbers):
            raise InputError(
                f"a tensor of size {size}, strides {stride} and offset {offset} reaches number "
                f"{last} of storage {self._storage.key!r}, which has {len(numbers)}"
            )
        width = numbers.dtype.itemsize
        # A stride along an axis of length 1 means nothing and may be anything.
        steps = [step * width if n > 1 else 0 for n, step in zip(size, stride, strict=True)]
        return np.ndarray(size, numbers.dtype, numbers, offset * width, steps)

    def _numbers(self) -> np.ndarray:
        """All numbers of the storage, with the sign and the type that this tensor sees."""
        storage = self._storage
        if isinstance(storage, StandIn):
            raise InputError(f"a tensor of {ascii(storage.name[:80])}, expected one of a storage")
        if not isinstance(storage, Storage):
            raise InputError(f"a tensor of a {type(storage).__name__}, expected one of a storage")
        numbers = storage.negated() if self._is_negative() else storage.numbers()
        if self._dtype is None:
            return numbers
        name = self._dtype.name if isinstance(self._dtype, StandIn) else None
        if name not in _UNTYPED or numbers.dtype != np.uint8:
            raise InputError(f"a tensor of the unknown type {ascii(name)}")
        dtype = _UNTYPED[name]
        return numbers[: len(numbers) // dtype.itemsize * dtype.itemsize].view(dtype)

    def _is_negative(self) -> bool:
        """Whether the storage has the numbers with the other sign, as PyTorch's negative bit says.

        Real numbers are their own conjugates.
        """
        metadata = {} if self._metadata is None else self._metadata
        if not isinstance(metadata, dict) or not set(metadata) <= _BITS:
            raise InputError("a tensor with unknown metadata, expected neg and conj alone")
        if not all(isinstance(bit, bool) for bit in metadata.values()):
            raise InputError("a tensor whose negative bit is neither true nor false")
        return metadata.get("neg", False)


def torch_functions() -> dict:
    """What the pickle of a file of `torch.save` may call, by "module.name"."""
    return NumpyFunctions().by_name | {
        "torch._utils._rebuild_tensor": StoredTensor,
        "torch._utils._rebuild_tensor_v2": _rebuild_tensor_v2,
        "torch._utils._rebuild_tensor_v3": _rebuild_tensor_v3,
        "torch._utils._rebuild_parameter": _rebuild_parameter,
        "torch._utils._rebuild_parameter_with_state": _rebuild_parameter_with_state,
        "torch._utils._rebuild_device_tensor_from_numpy": _rebuild_from_device,
        "torch._utils._rebuild_device_tensor_from_cpu_tensor": _rebuild_from_device,
        "torch._utils._rebuild_xla_tensor": _rebuild_from_device,
        "torch._tensor._rebuild_from_type_v2": _rebuild_from_type_v2,
    }


def is_tensor(value: object) -> bool:
    """Whether an object out of a file is an array, or has one."""
    return isinstance(value, np.ndarray | StoredTensor | PickledArray)


# All are named as PyTorch names them; gradients, hooks and attributes say nothing about numbers.
def _rebuild_tensor_v2(storage, offset, size, stride, _requires_grad, _hooks, metadata=None):
    return StoredTensor(storage, offset, size, stride, metadata=metadata)


def _rebuild_tensor_v3(storage, offset, size, stride, _requires_grad, _hooks, *typed):
    dtype, metadata = typed if len(typed) == 2 else (*typed, None)
    return StoredTensor(storage, offset, size, stride, dtype=dtype, metadata=metadata)


def _rebuild_parameter(tensor, _requires_grad, _hooks):
    return tensor


def _rebuild_parameter_with_state(tensor, _requires_grad, _hooks, _state):
    return tensor


def _rebuild_from_device(tensor, _dtype, _device, _requires_grad):
    """Such tensors are written with all their digits, so that their type says nothing new."""
    return tensor


def _rebuild_from_type_v2(function, new_type, arguments, _state):
    """A tensor with attributes; one of a foreign class is a stand-in, whatever its numbers."""
    if not isinstance(function, Constructor) or not isinstance(arguments, tuple):
        raise TypeError("no tensor")
    if isinstance(new_type, StandIn) and new_type.name not in _PLAIN_TENSORS:
        return StandIn(new_type.name)
    return function(arguments)


def _naturals(values: object) -> tuple[int, ...]:
    """Integers of at least 0, small enough for numpy.

    Raises:
      InputError: there is something else among them.
    """
    if not isinstance(values, tuple | list) or any(
        type(v) is not int or not 0 <= v < LARGEST for v in values
    ):
        raise InputError("expected sizes, strides and offsets of at least 0 in a tensor")
    return tuple(values)
