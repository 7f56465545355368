"""Archives of numpy arrays, read without pickles and without trusting their sizes."""

import io
import math
import zipfile

import numpy as np

from ovis_jax.formats.errors import InputError

_SUFFIX = ".npy"
_LARGEST = 2**32  # bytes of all arrays together, far above any model here


def is_npz(archive: zipfile.ZipFile) -> bool:
    """Whether a zip file holds arrays and nothing else."""
    names = archive.namelist()
    return bool(names) and all(name.endswith(_SUFFIX) for name in names)


def read_npz(archive: zipfile.ZipFile) -> dict[str, np.ndarray]:
    """Arrays by name.

    Raises:
      InputError: an array is not of numbers, or not whole.
      Exception: whatever a damaged zip file or header leads to.
    """
    num_bytes = sum(info.file_size for info in archive.infolist())
    if num_bytes > _LARGEST:
        raise InputError(f"{num_bytes} bytes of arrays, expected at most {_LARGEST}")
    return {
        name.removesuffix(_SUFFIX): _array(name, archive.read(name)) for name in archive.namelist()
    }


def _array(name: str, data: bytes) -> np.ndarray:
    """One array; the size in its header is compared with the bytes before any are taken."""
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    read_header = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }.get(version)
    if read_header is None:
        raise InputError(f"{name!r}: version {version}, expected 1.0 or 2.0")
    shape, fortran, dtype = read_header(file)
    if dtype.kind not in "fiub":
        raise InputError(f"{name!r}: dtype {dtype}, expected numbers")
    rest = len(data) - file.tell()
    if any(n < 0 for n in shape) or rest != math.prod(shape) * dtype.itemsize:
        raise InputError(f"{name!r}: shape {shape} of {dtype} does not fill {rest} bytes")
    flat = np.frombuffer(data, dtype, offset=file.tell())
    return flat.reshape(shape, order="F" if fortran else "C")
