"""Files of published weights: their kind is found by their content, their state dict taken out."""

import contextlib
import io
import pathlib
import zipfile

import numpy as np

from ovis_jax.formats.errors import InputError
from ovis_jax.weights.readers import npz, safetensors, tensor_bundles, torch_files
from ovis_jax.weights.readers.shards import (
    check_is_whole,
    is_index,
    read_shards,
    weights_in,
)
from ovis_jax.weights.readers.sorted_tables import is_table
from ovis_jax.weights.readers.state_dicts import StateDict, find_state_dict
from ovis_jax.weights.readers.wrappers import Unwrapped, unwrap

_KINDS = (
    "expected a file of torch.save, a pickle of numpy arrays, safetensors, npz or the index of a "
    "TensorFlow checkpoint"
)
_LONGEST_REASON = 200  # characters of an error of a library


def read_state_dict(path: pathlib.Path | str, entry: str = "") -> dict[str, np.ndarray]:
    """The tensors of a file by name, as `read_weights` finds them."""
    return read_weights(path, entry).arrays


def read_weights(path: pathlib.Path | str, entry: str = "") -> Unwrapped:
    """The tensors of a file by name; nothing in the file is run.

    What wrappers such as data parallel training put into all names is removed.

    Args:
      path: of a file of `torch.save` (both kinds), a pickle of numpy arrays as detectron2 publishes
        them (or of tensors), a safetensors file, an npz archive, or the `.index` of a TensorFlow
        checkpoint, with or without that ending; or of the index of several such
        files, or a folder that holds it.
      entry: path of the entry that holds the state dict, with "/" between names; empty: found by
        its name ("state_dict", "model" and others).

    Returns:
      Arrays, read-only where they are views of the file; and a line for each thing that was chosen,
      removed or left out.

    Raises:
      InputError: the file is of no such kind, is damaged, or holds something that is no tensor.
    """
    path = pathlib.Path(path)
    path = weights_in(path) if path.is_dir() else path
    if not path.exists() and path.with_name(f"{path.name}.index").is_file():
        path = path.with_name(f"{path.name}.index")  # TensorFlow names checkpoints without it
    if not path.is_file():
        raise InputError(f"{path}: expected a file of weights")
    notes: list[str] = []
    if is_index(path):
        arrays = read_shards(path, lambda shard: _read_file(shard, entry).arrays)
    else:
        check_is_whole(path)
        found = _read_file(path, entry)
        arrays = found.arrays
        notes += _choice(found)
    with _damage_is_bad_input(path):
        unwrapped = unwrap(arrays)
    return Unwrapped(unwrapped.arrays, (*notes, *unwrapped.notes))


def _read_file(path: pathlib.Path, entry: str) -> StateDict:
    with _damage_is_bad_input(path):
        data = path.read_bytes()
        bundle = is_table(data)
        tree = tensor_bundles.read_bundle(path, data) if bundle else _read(data)
        return find_state_dict(tree, entry)


def _choice(found: StateDict) -> list[str]:
    """A line that says what was read, if something else could have been."""
    if not found.others:
        return []
    return [f"read: {found.entry} (also there: {', '.join(found.others)}; --entry chooses)"]


def _read(data: bytes) -> object:
    """What a file holds."""
    if safetensors.is_safetensors(data):
        return safetensors.read_safetensors(data)
    if torch_files.is_stream(data):
        return torch_files.read_stream(data)
    if data[:1] == b"\x80":  # how pickles of protocol 2 and newer begin
        return torch_files.read_pickle(data)
    if data[:4] == b"PK\x03\x04":
        return _read_zip(data)
    raise InputError(_KINDS)


def _read_zip(data: bytes) -> object:
    archive = zipfile.ZipFile(io.BytesIO(data))  # stays open: storages are read when needed
    if torch_files.is_archive(archive):
        return torch_files.read_archive(archive)
    if npz.is_npz(archive):
        return npz.read_npz(archive)
    raise InputError(f"a zip file of something else, {_KINDS}")


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
