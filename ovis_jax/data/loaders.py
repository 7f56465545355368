"""What batches are loaded by: tf.data, or threads where there is no TensorFlow."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator

from absl import logging

from ovis_jax.data.host_clips import HostClips
from ovis_jax.data.thread_batches import thread_batches
from ovis_jax.formats.errors import InputError
from ovis_jax.structures import Clips

Loader = Callable[[HostClips, int], Iterator[Clips]]
"""From the clips of a host and the number of the first batch to endless batches."""


def find_loader(name: str) -> Loader:
    """The loader of a name, one of `LOADERS` in `ovis_jax.data.settings`.

    Raises:
      InputError: it needs TensorFlow, which cannot be imported.
    """
    if name == "threads" or (name == "auto" and not _is_installed("tensorflow")):
        return thread_batches
    try:
        from ovis_jax.data.tensorflow_batches import tensorflow_batches
    except Exception as error:  # of many kinds, where its parts do not fit each other
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        if name == "tf_data":
            raise InputError(
                "config.data.loader: 'tf_data' needs TensorFlow, which cannot be imported "
                f"({reason}); expected 'threads' or 'auto'"
            ) from error
        logging.warning("clips are loaded by threads: TensorFlow is broken (%s)", reason)
        return thread_batches
    return tensorflow_batches


def _is_installed(module: str) -> bool:
    return importlib.util.find_spec(module) is not None
