"""Pickles of numpy arrays, as detectron2's model zoo holds them.

numpy's own reconstruction trusts its input; the stand-ins here take the same calls and check them.
"""

import io

import numpy as np

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers.pickles import (
    PLAIN_NAMES,
    Constructor,
    Sealed,
    load_pickle,
)

_CODES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")
_ORDERS = "<>|="


class PickledDtype(Sealed):
    """What `numpy.dtype` makes: a number type and a byte order."""

    __slots__ = ("_code", "_order")

    def __init__(self, code, *_):
        """Checked by `dtype`."""
        self._code, self._order = code, "="

    def __setstate__(self, state):
        """Takes (version, byte order, subarray, names, fields, size, alignment, flags)."""
        if not isinstance(state, tuple) or len(state) < 5 or state[2:5] != (None, None, None):
            raise InputError("expected an array of plain numbers in the pickle")
        self._order = state[1]

    @property
    def dtype(self) -> np.dtype:
        """The dtype itself."""
        if self._code not in _CODES or self._order not in tuple(_ORDERS):
            raise InputError("expected an array of numbers in the pickle")
        return np.dtype(self._code).newbyteorder(self._order)


class PickledArray(Sealed):
    """What numpy's reconstruction makes."""

    __slots__ = ("_shape", "_dtype", "_fortran", "_data")

    def __init__(self):
        """Empty until the pickle brings its state."""
        self._shape, self._dtype, self._fortran, self._data = None, None, False, b""

    def __setstate__(self, state):
        """Takes (version, shape, dtype, whether columns come first, bytes)."""
        if not isinstance(state, tuple) or len(state) != 5:
            raise InputError("expected the five parts of an array in the pickle")
        _, self._shape, self._dtype, self._fortran, self._data = state

    def array(self) -> np.ndarray:
        """The array, read-only.

        Raises:
          InputError: shape, dtype and bytes do not belong together.
        """
        shape, data = self._shape, self._data
        if not isinstance(self._dtype, PickledDtype) or not isinstance(shape, tuple):
            raise InputError("expected shape and dtype of an array in the pickle")
        if any(type(n) is not int or n < 0 for n in shape):
            raise InputError("expected a shape of numbers from 0 on in the pickle")
        if isinstance(data, str):  # bytes of Python 2
            data = data.encode("latin1")
        flat = np.frombuffer(bytes(data), self._dtype.dtype)
        return flat.reshape(shape, order="F" if self._fortran else "C")


def _reconstruct(_type, _shape, _code):
    """Stands for numpy's function of the name: an empty array, filled afterwards."""
    return PickledArray()


def _frombuffer(data, dtype, shape, order):
    """Stands for numpy's function of the name, of pickle protocol 5."""
    array = PickledArray()
    array.__setstate__((1, shape, dtype, order == "F", data))
    return array


def _encode(text, encoding):
    """Stands for `codecs.encode`, by which Python 3 writes bytes in protocols 0 to 2."""
    if not isinstance(text, str) or encoding != "latin1":
        raise InputError("expected bytes in the pickle")
    return text.encode("latin1")


def _no_bytes():
    """Stands for `bytes`, by which Python 3 writes empty ones in protocols 0 to 2."""
    return b""


_CORES = ("numpy.core", "numpy._core")  # before numpy 2, and since
_NAMES = (
    PLAIN_NAMES
    | {(f"{core}.multiarray", "_reconstruct"): Constructor(_reconstruct) for core in _CORES}
    | {(f"{core}.numeric", "_frombuffer"): Constructor(_frombuffer) for core in _CORES}
    | {
        ("numpy", "ndarray"): "ndarray",
        ("numpy", "dtype"): Constructor(PickledDtype),
        ("_codecs", "encode"): Constructor(_encode),
        ("__builtin__", "bytes"): Constructor(_no_bytes),
    }
)


def read_numpy_pickle(data: bytes) -> object:
    """The object of a pickle, with a `PickledArray` for each array.

    Raises:
      InputError: it holds more than arrays and plain containers.
      Exception: whatever a damaged pickle leads to.
    """
    return load_pickle(io.BytesIO(data), _NAMES)
