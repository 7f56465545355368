"""Batches loaded in parallel and ahead of the device by threads, without TensorFlow.

Most of a clip's time goes into OpenCV and numpy, which leave Python's other threads running.
"""

from __future__ import annotations

import collections
import contextlib
import itertools
import os
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor

import jax
import numpy as np

from ovis_jax.data.host_clips import HostClips
from ovis_jax.structures import Clips

_BATCHES_AHEAD = 2  # of the one that is asked for


def thread_batches(clips: HostClips, start_step: int) -> Iterator[Clips]:
    """Endless batches of a host from number `start_step` on; nothing is loaded before the first.

    Two batches are loaded ahead; of small batches as many as keep every processor busy.

    Raises:
      InputError: (while iterating) of the first clip of a batch that cannot be loaded.
    """
    workers = _usable_processors()
    ahead = max(_BATCHES_AHEAD, -(-2 * workers // clips.rows))
    pending: collections.deque[Future] = collections.deque()
    with _threads(1, "batches") as joining, _threads(workers, "clips") as loading:
        for batch in itertools.count(start_step):
            numbers = range(batch * clips.rows, (batch + 1) * clips.rows)
            rows = [loading.submit(_load, clips, number) for number in numbers]
            pending.append(joining.submit(_join, rows))
            if len(pending) > ahead:
                yield pending.popleft().result()


@contextlib.contextmanager
def _threads(count: int, name: str) -> Iterator[ThreadPoolExecutor]:
    """Threads that at the end finish what they are at, and begin nothing more."""
    executor = ThreadPoolExecutor(count, thread_name_prefix=name)
    try:
        yield executor
    finally:
        executor.shutdown(cancel_futures=True)


def _load(clips: HostClips, number: int) -> Clips:
    if not threading.main_thread().is_alive():  # the program ends, and waits for what was submitted
        raise CancelledError
    return clips.load(number)


def _join(rows: Sequence[Future]) -> Clips:
    """One batch, when all of its clips are there."""
    return jax.tree.map(lambda *leaves: np.stack(leaves), *[row.result() for row in rows])


def _usable_processors() -> int:
    """Of this process, which may be kept from some."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
