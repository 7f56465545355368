"""Training batches: loaded in parallel and ahead of the device by tf.data."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Iterator

import jax
import numpy as np

from ovis_jax.data.clips import ClipShape, empty_clip
from ovis_jax.data.quiet_tensorflow import tf
from ovis_jax.data.samples import Samples
from ovis_jax.structures import Clips

_PREFETCHED_BATCHES = 2
_open_iterators: weakref.WeakSet[Iterator] = weakref.WeakSet()
_LEAVES, _TREE = jax.tree.flatten(empty_clip(8, 8, ClipShape(1, 1, 1)))
_TYPES = [tf.as_dtype(leaf.dtype) for leaf in _LEAVES]


def training_batches(
    data: Samples,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    host_index: int = 0,
    host_count: int = 1,
) -> Iterator[Clips]:
    """Endless batches; number `i` is a function of `(seed, i)` alone.

    Args:
      data: the samples.
      batch_size: clips a batch, on all hosts together.
      seed: of order, other frames and flips.
      start_step: number of the first batch; the batches are those of an uninterrupted run.
      host_index: this host yields rows `[host_index * n, (host_index + 1) * n)` of every batch,
        where `n = batch_size / host_count`.
      host_count: number of hosts.

    Returns:
      Iterator over Clips of numpy arrays, `n` rows each.

    Raises:
      ValueError: the batch cannot be divided among the hosts.
      InputError: (while iterating) a frame or mask cannot be used; names the file.
    """
    if batch_size < 1 or batch_size % host_count:
        raise ValueError(f"batch_size {batch_size} is no multiple of {host_count} hosts")
    rows = batch_size // host_count
    loader = _Loader(data, batch_size, seed, first_row=host_index * rows, rows=rows)
    clips = tf.data.Dataset.range(start_step * rows, np.iinfo(np.int64).max)
    clips = clips.map(loader.as_tensors, num_parallel_calls=tf.data.AUTOTUNE)
    batches = clips.batch(rows, drop_remainder=True).prefetch(_PREFETCHED_BATCHES)
    iterator = _records(batches, loader)
    _open_iterators.add(iterator)
    return iterator


@atexit.register
def _close_iterators() -> None:
    """Ends loading while Python still runs; later, waiting for a Python thread would never end."""
    for iterator in list(_open_iterators):
        iterator.close()


def _records(batches: tf.data.Dataset, loader: _Loader) -> Iterator[Clips]:
    """Turns tensors into records, and failed clips into their errors."""
    for failed, *leaves in batches.as_numpy_iterator():
        if failed.max() >= 0:
            raise loader.errors[int(failed.max())]
        yield jax.tree.unflatten(_TREE, leaves)


class _Loader:
    """Loads the clips of one host by number; keeps errors, which would be unreadable from TF.

    Attributes:
      errors: exception of each clip that could not be loaded, by its number.
    """

    def __init__(self, data: Samples, batch_size: int, seed: int, first_row: int, rows: int):
        self.errors: dict[int, Exception] = {}
        self._data, self._seed = data, seed
        self._order = data.order(batch_size, seed)
        self._first_row, self._rows = first_row, rows

    def as_tensors(self, number: tf.Tensor) -> list[tf.Tensor]:
        """The clip's own number if it could not be loaded, else -1; and its leaves."""
        return tf.numpy_function(self._load, [number], [tf.int64, *_TYPES], stateful=False)

    def _load(self, number: np.int64) -> list[np.ndarray]:
        batch, row = divmod(int(number), self._rows)
        row += self._first_row
        sample = int(self._order.samples(batch)[row])
        try:
            draw = self._data.draw(self._seed, batch * self._order.batch_size + row, sample)
            return [np.int64(-1), *jax.tree.leaves(self._data.clip(draw))]
        except Exception as error:
            self.errors[int(number)] = error
            return [number, *jax.tree.leaves(self._data.blank_clip(sample))]
