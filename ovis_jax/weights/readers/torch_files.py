"""Files of `torch.save`, of both kinds, read without PyTorch and without running what they hold.

The older kind (before PyTorch 1.6) is a row of pickles - magic number, protocol, system, object,
storage keys - and then the storages. The newer one is a zip file with the pickle `*/data.pkl` and
one member per storage.
"""

import functools
import io
import zipfile

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers.pickles import load_pickle
from ovis_jax.weights.readers.torch_storages import Storage, Storages
from ovis_jax.weights.readers.torch_tensors import torch_functions

_MAGIC = 0x1950A86A20F9469CFC6C
_PROTOCOL = 1001
_PICKLE = "data.pkl"
_LENGTH_BYTES = 8  # before each storage of the older kind
_FRAME_BYTES = 9  # before what a pickle of protocol 4 or newer holds


def is_stream(data: bytes) -> bool:
    """Whether a file is of the older kind."""
    magic = b"\x8a\x0a" + _MAGIC.to_bytes(10, "little")
    return data[:1] == b"\x80" and magic in data[2 : 2 + _FRAME_BYTES + len(magic)]


def is_archive(archive: zipfile.ZipFile) -> bool:
    """Whether a zip file is of the newer kind."""
    return any(name.split("/")[1:] == [_PICKLE] for name in archive.namelist())


def read_stream(data: bytes) -> object:
    """The object of a file of the older kind, with a `StoredTensor` for each tensor.

    Anything but tensors, arrays and plain containers is a `StandIn`.

    Raises:
      InputError: the file is not whole, or not of a kind that can be read.
      Exception: whatever a damaged pickle leads to.
    """
    file, storages = io.BytesIO(data), Storages()
    magic, protocol, system = (load_pickle(file, {}) for _ in range(3))
    if magic != _MAGIC or protocol != _PROTOCOL:
        raise InputError(f"expected protocol {_PROTOCOL} of torch.save")
    if not isinstance(system, dict) or system.get("little_endian") is not True:
        raise InputError("expected a file of a little-endian machine")
    tree = load_pickle(file, torch_functions(), storages.find)
    keys = load_pickle(file, {})
    if not isinstance(keys, list) or sorted(keys) != sorted(storages.by_key):
        raise InputError("storages and tensors do not belong together")
    for key in keys:
        _place_stored(file, storages.by_key[key])
    return tree


def read_archive(archive: zipfile.ZipFile) -> object:
    """The object of a file of the newer kind, with a `StoredTensor` for each tensor.

    Anything but tensors, arrays and plain containers is a `StandIn`.

    Raises:
      InputError: the file is not whole, or not of a kind that can be read.
      Exception: whatever a damaged pickle or zip file leads to.
    """
    name = next(name for name in archive.namelist() if name.split("/")[1:] == [_PICKLE])
    folder, storages = name.removesuffix(_PICKLE), Storages()
    if _order(archive, folder) != b"little":
        raise InputError("expected a file of a little-endian machine")
    if sum(info.compress_size for info in archive.infolist()) > archive.start_dir:
        raise InputError("the members of the archive overlap")
    pickled = io.BytesIO(_member(archive, name))
    tree = load_pickle(pickled, torch_functions(), storages.find)
    for key, storage in storages.by_key.items():
        storage.place(functools.partial(_member, archive, f"{folder}data/{key}"))
    return tree


def read_pickle(data: bytes) -> object:
    """The object of a plain pickle, in which each storage is a whole file of the older kind.

    Anything but tensors, arrays and plain containers is a `StandIn`.

    Raises:
      InputError: the pickle needs more than itself, or a storage is not whole.
      Exception: whatever a damaged pickle leads to.
    """
    read: dict[int, tuple[bytes, object]] = {}

    def load_from_bytes(stored):
        """Stands for PyTorch's function of the name; reads each row of bytes once."""
        if not isinstance(stored, bytes) or not is_stream(stored):
            raise InputError("expected a storage in the pickle")
        if id(stored) not in read:  # the bytes are kept, so that their id stays theirs
            read[id(stored)] = stored, read_stream(stored)
        return read[id(stored)][1]

    functions = torch_functions() | {"torch.storage._load_from_bytes": load_from_bytes}
    return load_pickle(io.BytesIO(data), functions)


def _place_stored(file: io.BytesIO, storage: Storage) -> None:
    """Finds a storage at the position of a file of the older kind."""
    expected = storage.length.to_bytes(_LENGTH_BYTES, "little")
    if file.read(_LENGTH_BYTES) != expected:
        raise InputError(f"storage {storage.key!r}: expected {storage.length} numbers")
    start, data = file.tell(), file.getbuffer()
    end, rest = start + storage.num_bytes, len(data) - start
    if storage.num_bytes > rest:
        raise InputError(
            f"storage {storage.key!r}: expected {storage.num_bytes} bytes, found {rest}"
        )
    storage.place(lambda: data[start:end].toreadonly())
    file.seek(end)


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
