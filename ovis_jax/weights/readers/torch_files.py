"""Files of `torch.save`, of both kinds, read without PyTorch and without running what they hold.

The older kind (before PyTorch 1.6) is a row of pickles - magic number, protocol, system, object,
storage keys - and then the storages. The newer one is a zip file with the pickle `*/data.pkl` and
one member per storage.
"""

import io
import zipfile

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers.pickles import load_pickle
from ovis_jax.weights.readers.torch_tensors import Storage, Storages

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_PICKLE = "data.pkl"
_LENGTH_BYTES = 8  # before each storage of the older kind


def is_stream(data: bytes) -> bool:
    """Whether a file is of the older kind."""
    magic = b"\x8a\x0a" + _MAGIC.to_bytes(10, "little") + b"."
    return data[:1] == b"\x80" and data[2 : 2 + len(magic)] == magic


def is_archive(archive: zipfile.ZipFile) -> bool:
    """Whether a zip file is of the newer kind."""
    return any(name.split("/")[1:] == [_PICKLE] for name in archive.namelist())


def read_stream(data: bytes) -> object:
    """The object of a file of the older kind, with a `StoredTensor` for each tensor.

    Raises:
      InputError: the file holds more than tensors and plain containers, or is not whole.
      Exception: whatever a damaged pickle leads to.
    """
    file, storages = io.BytesIO(data), Storages()
    magic, protocol, system = (load_pickle(file, {}) for _ in range(3))
    if magic != _MAGIC or protocol != _PROTOCOL:
        raise InputError(f"expected protocol {_PROTOCOL} of torch.save")
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise InputError("expected a file of a little-endian machine")
    tree = load_pickle(file, storages.names, storages.find)
    keys = load_pickle(file, {})
    if not isinstance(keys, list) or sorted(keys) != sorted(storages.by_key):
        raise InputError("storages and tensors do not belong together")
    for key in keys:
        _read_stored(file, storages.by_key[key])
    return tree


def read_archive(archive: zipfile.ZipFile) -> object:
    """The object of a file of the newer kind, with a `StoredTensor` for each tensor.

    Raises:
      InputError: the file holds more than tensors and plain containers, or is not whole.
      Exception: whatever a damaged pickle or zip file leads to.
    """
    name = next(name for name in archive.namelist() if name.split("/")[1:] == [_PICKLE])
    folder, storages = name.removesuffix(_PICKLE), Storages()
    if _order(archive, folder) != b"little":
        raise InputError("expected a file of a little-endian machine")
    pickled = io.BytesIO(_member(archive, name))
    tree = load_pickle(pickled, storages.names, storages.find)
    for storage in storages.by_key.values():
        storage.fill(_member(archive, f"{folder}data/{storage.key}"))
    return tree


def _read_stored(file: io.BytesIO, storage: Storage) -> None:
    """Fills a storage from the position of a file of the older kind."""
    expected = storage.length.to_bytes(_LENGTH_BYTES, "little")
    if file.read(_LENGTH_BYTES) != expected:
        raise InputError(f"storage {storage.key!r}: expected {storage.length} numbers")
    storage.fill(file.read(storage.num_bytes))


def _order(archive: zipfile.ZipFile, folder: str) -> bytes:
    """Byte order of the storages; older files do not say."""
    name = f"{folder}byteorder"
    return _member(archive, name) if name in archive.namelist() else b"little"


def _member(archive: zipfile.ZipFile, name: str) -> bytes:
    """A file of the archive; PyTorch does not compress, and a bomb would."""
    if name not in archive.namelist():
        raise InputError(f"expected {name!r} in the archive")
    if archive.getinfo(name).compress_type != zipfile.ZIP_STORED:
        raise InputError(f"{name!r} is compressed, expected an archive as torch.save writes it")
    return archive.read(name)
