"""Training batches: loaded in parallel and ahead of the device."""

from __future__ import annotations

import atexit
import weakref
from collections.abc import Iterator

from ovis_jax.data.host_clips import HostClips
from ovis_jax.data.loaders import find_loader
from ovis_jax.data.samples import Samples
from ovis_jax.structures import Clips

_open_iterators: weakref.WeakSet[Iterator] = weakref.WeakSet()


def training_batches(
    data: Samples,
    *,
    batch_size: int,
    seed: int,
    start_step: int = 0,
    host_index: int = 0,
    host_count: int = 1,
    loader: str = "auto",
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
      loader: see `find_loader`; the batches do not depend on it.

    Returns:
      Iterator over Clips of numpy arrays, `n` rows each.

    Raises:
      ValueError: the batch cannot be divided among the hosts.
      InputError: the loader cannot be used; or (while iterating) a frame or mask, whose file it
        names.
    """
    if batch_size < 1 or batch_size % host_count:
        raise ValueError(f"batch_size {batch_size} is no multiple of {host_count} hosts")
    rows = batch_size // host_count
    clips = HostClips(data, batch_size, seed, first_row=host_index * rows, rows=rows)
    iterator = find_loader(loader)(clips, start_step)
    _open_iterators.add(iterator)
    return iterator


@atexit.register
def _close_iterators() -> None:
    """Ends loading while Python still runs; later, waiting for a Python thread would never end."""
    for iterator in list(_open_iterators):
        iterator.close()
