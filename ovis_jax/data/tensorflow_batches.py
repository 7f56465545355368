"""Batches loaded in parallel and ahead of the device by tf.data."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np

from ovis_jax.data.clips import ClipShape, empty_clip
from ovis_jax.data.host_clips import HostClips
from ovis_jax.data.quiet_tensorflow import tf
from ovis_jax.structures import Clips

_PREFETCHED_BATCHES = 2
_LEAVES, _TREE = jax.tree.flatten(empty_clip(8, 8, ClipShape(1, 1, 1)))
_TYPES = [tf.as_dtype(leaf.dtype) for leaf in _LEAVES]


def tensorflow_batches(clips: HostClips, start_step: int) -> Iterator[Clips]:
    """Endless batches of a host from number `start_step` on; nothing is loaded before the first.

    Raises:
      InputError: (while iterating) of the first clip of a batch that cannot be loaded.
    """
    loader = _Loader(clips)
    numbers = tf.data.Dataset.range(start_step * clips.rows, np.iinfo(np.int64).max)
    loaded = numbers.map(loader.as_tensors, num_parallel_calls=tf.data.AUTOTUNE)
    batches = loaded.batch(clips.rows, drop_remainder=True).prefetch(_PREFETCHED_BATCHES)
    return _records(batches, loader)


def _records(batches: tf.data.Dataset, loader: _Loader) -> Iterator[Clips]:
    """Turns tensors into records, and failed clips into their errors."""
    for failed, *leaves in batches.as_numpy_iterator():
        if failed.max() >= 0:
            raise loader.errors[int(failed[failed >= 0].min())]
        yield jax.tree.unflatten(_TREE, leaves)


class _Loader:
    """Loads clips by number; keeps errors, which would be unreadable from TensorFlow.

    Attributes:
      errors: exception of each clip that could not be loaded, by its number.
    """

    def __init__(self, clips: HostClips):
        self.errors: dict[int, Exception] = {}
        self._clips = clips

    def as_tensors(self, number: tf.Tensor) -> list[tf.Tensor]:
        """The clip's own number if it could not be loaded, else -1; and its leaves."""
        return tf.numpy_function(self._load, [number], [tf.int64, *_TYPES], stateful=False)

    def _load(self, number: np.int64) -> list[np.ndarray]:
        try:
            return [np.int64(-1), *jax.tree.leaves(self._clips.load(int(number)))]
        except Exception as error:
            self.errors[int(number)] = error
            return [number, *jax.tree.leaves(self._clips.blank(int(number)))]
