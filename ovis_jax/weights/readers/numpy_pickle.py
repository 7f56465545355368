"""Pickles of numpy arrays, as detectron2's model zoo holds them.

numpy's own reconstruction trusts its input; the records here take the same calls and check them
when an array is asked for. Arrays that nobody asks for may be of anything.
"""

from collections.abc import Callable

import numpy as np

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers.pickle_objects import Filled, PlainFunctions

_CODES = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "b1")
_ORDERS = "<>|="
_CORES = ("numpy.core", "numpy._core")  # before numpy 2, and since


class PickledDtype(Filled):
    """What `numpy.dtype` makes: a number type and a byte order."""

    __slots__ = ("_code", "_state")

    def __init__(self, code, *_):
        """Checked by `dtype`."""
        self._code, self._state = code, (3, "=", None, None, None)

    def fill(self, state):
        """Takes (version, byte order, subarray, names, fields, size, alignment, flags)."""
        self._state = state

    def dtype(self) -> np.dtype:
        """The dtype itself.

        Raises:
          InputError: it is not of plain numbers.
        """
        code, state = self._code, self._state
        if not isinstance(state, tuple) or len(state) < 5 or state[2:5] != (None, None, None):
            raise InputError("expected an array of plain numbers in the pickle")
        if code not in _CODES or state[1] not in tuple(_ORDERS):
            raise InputError("expected an array of numbers in the pickle")
        return np.dtype(code).newbyteorder(state[1])


class PickledArray(Filled):
    """What numpy's reconstruction makes."""

    __slots__ = ("_state", "_encode")

    def __init__(self, encode: Callable[[object], object], state: object = None):
        """Empty until the pickle brings its state; `encode` makes bytes of text."""
        self._encode, self._state = encode, state

    def fill(self, state):
        """Takes (version, shape, dtype, whether columns come first, bytes)."""
        self._state = state

    def array(self) -> np.ndarray:
        """The array, read-only; it shares memory with the file.

        Raises:
          InputError: shape, dtype and bytes do not belong together.
        """
        if not isinstance(self._state, tuple) or len(self._state) != 5:
            raise InputError("expected the five parts of an array in the pickle")
        _, shape, dtype, fortran, data = self._state
        if not isinstance(dtype, PickledDtype) or not isinstance(shape, tuple):
            raise InputError("expected shape and dtype of an array in the pickle")
        if any(type(n) is not int or n < 0 for n in shape):
            raise InputError("expected a shape of numbers from 0 on in the pickle")
        data = self._encode(data) if isinstance(data, str) else data  # bytes of Python 2
        if not isinstance(data, bytes | bytearray):
            raise InputError("expected the bytes of an array in the pickle")
        flat = np.frombuffer(memoryview(data).toreadonly(), dtype.dtype())
        return flat.reshape(shape, order="F" if fortran else "C")


class NumpyFunctions:
    """What a pickle of arrays may call; text that stands for bytes is turned into them once."""

    def __init__(self):
        """Nothing read yet."""
        self._encoded: dict[int, tuple[str, bytes]] = {}
        self.by_name = PlainFunctions().by_name | {
            "numpy.dtype": PickledDtype,
            "_codecs.encode": self._encode,
            "__builtin__.bytes": _no_bytes,
        }
        for core in _CORES:
            self.by_name[f"{core}.multiarray._reconstruct"] = self._reconstruct
            self.by_name[f"{core}.numeric._frombuffer"] = self._frombuffer

    def _reconstruct(self, _type, _shape, _code):
        """Stands for numpy's function of the name: an empty array, filled afterwards."""
        return PickledArray(self._encode)

    def _frombuffer(self, data, dtype, shape, order):
        """Stands for numpy's function of the name, of pickle protocol 5."""
        return PickledArray(self._encode, (1, shape, dtype, order == "F", data))

    def _encode(self, text, encoding="latin1"):
        """Stands for `codecs.encode`, by which Python 3 writes bytes in protocols 0 to 2."""
        if not isinstance(text, str) or encoding != "latin1":
            raise InputError("expected bytes in the pickle")
        # A pickle can name one text again and again; the text is kept, so that its id stays its.
        if id(text) not in self._encoded:
            self._encoded[id(text)] = text, text.encode("latin1")
        return self._encoded[id(text)][1]


def _no_bytes():
    """Stands for `bytes`, by which Python 3 writes empty ones in protocols 0 to 2."""
    return b""
