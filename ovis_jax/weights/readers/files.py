"""Files of published weights: their kind is found by their content, their state dict taken out."""

import contextlib
import io
import pathlib
import zipfile

import numpy as np

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers import npz, safetensors, torch_files
from ovis_jax.weights.readers.numpy_pickle import PickledArray, read_numpy_pickle
from ovis_jax.weights.readers.torch_tensors import StoredTensor

_KINDS = "expected a file of torch.save, a pickle of numpy arrays, safetensors or npz"
_NESTS = ("state_dict", "model")  # where training programs put the state dict
_PARALLEL = "module."  # what PyTorch's data parallel training puts before every name
_LONGEST_REASON = 200  # characters of an error of a library


def read_state_dict(path: pathlib.Path | str) -> dict[str, np.ndarray]:
    """The tensors of a file by name; nothing in the file is run.

    Args:
      path: of a file of `torch.save` (both kinds), a pickle of numpy arrays as detectron2 publishes
        them, a safetensors file or an npz archive. A state dict within "state_dict" or "model" is
        found, and a "module." before all names removed.

    Returns:
      Arrays, read-only where they are views of the file.

    Raises:
      InputError: the file is of no such kind, is damaged, or holds something that is no tensor.
    """
    path = pathlib.Path(path)
    if not path.is_file():
        raise InputError(f"{path}: expected a file of weights")
    with _damage_is_bad_input(path):
        return _state_dict(_read(path.read_bytes()))


def _read(data: bytes) -> object:
    """What a file holds."""
    if safetensors.is_safetensors(data):
        return safetensors.read_safetensors(data)
    if torch_files.is_stream(data):
        return torch_files.read_stream(data)
    if data[:1] == b"\x80":  # how pickles of protocol 2 and newer begin
        return read_numpy_pickle(data)
    if data[:4] == b"PK\x03\x04":
        return _read_zip(data)
    raise InputError(_KINDS)


def _read_zip(data: bytes) -> object:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        if torch_files.is_archive(archive):
            return torch_files.read_archive(archive)
        if npz.is_npz(archive):
            return npz.read_npz(archive)
    raise InputError(f"a zip file of something else, {_KINDS}")


def _state_dict(tree: object) -> dict[str, np.ndarray]:
    """Arrays by name, out of what a file holds."""
    if isinstance(tree, dict):
        inner = (tree[name] for name in _NESTS if isinstance(tree.get(name), dict))
        tree = next(inner, tree)
    if not isinstance(tree, dict) or not tree:
        raise InputError(f"expected a state dict, found {_described(tree)}")
    for name in tree:
        if not isinstance(name, str) or not (name.isascii() and name.isprintable()):
            raise InputError(f"expected names of tensors, found {_described(name)}")
    parallel = all(name.startswith(_PARALLEL) for name in tree)
    return {
        name.removeprefix(_PARALLEL) if parallel else name: _array(name, value)
        for name, value in tree.items()
    }


def _array(name: str, value: object) -> np.ndarray:
    if isinstance(value, np.ndarray):
        return value
    if not isinstance(value, StoredTensor | PickledArray):
        raise InputError(f"{name}: expected a tensor, found {_described(value)}")
    try:
        return value.array()
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def _described(value: object) -> str:
    if isinstance(value, str):
        return ascii(value[:40])
    empty = isinstance(value, dict) and not value
    return f"{'an empty' if empty else 'a'} {type(value).__name__}"


@contextlib.contextmanager
def _damage_is_bad_input(path: pathlib.Path):
    """Turns whatever reading raises into an InputError of one line."""
    try:
        yield
    except InputError as error:
        raise InputError(f"{path}: {error}") from error
    except Exception as error:
        reason = (str(error).splitlines() or [""])[0][:_LONGEST_REASON]
        raise InputError(f"{path}: cannot be read: {type(error).__name__}: {reason}") from error
