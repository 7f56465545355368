"""Which frames make up which batch: pure functions of the seed and the batch number.

Nothing here has state, so training restarts at any batch without replaying the ones before it, and
every host computes its own rows.
"""

from __future__ import annotations

import functools

import numpy as np

_ORDER, _DRAWS = 0, 1  # streams of random numbers that belong to one seed


class BatchOrder:
    """The order in which samples are visited.

    Samples are grouped by orientation, so that a batch has one canvas. Each epoch shuffles every
    group, fills it up to whole batches with its own first samples, and shuffles the batches of all
    groups.

    Attributes:
      batch_size: samples a batch, on all hosts together.
      batches_per_epoch: batches after which every sample was seen at least once.
    """

    def __init__(self, landscape: np.ndarray, *, batch_size: int, seed: int):
        """Shuffles nothing yet.

        Args:
          landscape: [S] bool, the group of every sample.
          batch_size: see above.
          seed: of the shuffling.
        """
        self.batch_size = batch_size
        self._seed = seed
        self._groups = [np.flatnonzero(landscape), np.flatnonzero(~landscape)]
        self.batches_per_epoch = sum(-(-len(group) // batch_size) for group in self._groups)
        self._batches = functools.lru_cache(maxsize=3)(self._shuffle)

    def samples(self, batch: int) -> np.ndarray:
        """[batch_size] int, the samples of one batch, counted from the start of training."""
        epoch, position = divmod(batch, self.batches_per_epoch)
        return self._batches(epoch)[position]

    def _shuffle(self, epoch: int) -> np.ndarray:
        """[batches_per_epoch, batch_size] int, the batches of an epoch in their order."""
        rng = np.random.default_rng((self._seed, _ORDER, epoch))
        chunks = [self._fill(rng.permutation(group)) for group in self._groups]
        return rng.permutation(np.concatenate(chunks), axis=0)

    def _fill(self, group: np.ndarray) -> np.ndarray:
        """Repeats a group's first samples until it is whole batches."""
        whole = -(-len(group) // self.batch_size) * self.batch_size
        return np.resize(group, whole).reshape(-1, self.batch_size)


def draws(seed: int, position: int) -> np.random.Generator:
    """Random numbers for the row at `position = batch * batch_size + row`, and for no other."""
    return np.random.default_rng((seed, _DRAWS, position))


def reference_candidates(frames: np.ndarray, query: int, window: int | None) -> np.ndarray:
    """Frames that may be the reference of a query frame.

    Args:
      frames: [F] int, annotated frames of the video.
      query: the query frame, one of them.
      window: greatest distance in frames; None: any.

    Returns:
      Other annotated frames within the window; without any, all other annotated frames; without
      any, the query frame itself (the published code stops with an assertion there).
    """
    others = frames[frames != query]
    near = others if window is None else others[np.abs(others - query) <= window]
    for candidates in (near, others):
        if len(candidates):
            return candidates
    return np.array([query])


def draw_reference(
    rng: np.random.Generator, frames: np.ndarray, query: int, window: int | None
) -> int:
    """Draws one of the `reference_candidates` uniformly."""
    candidates = reference_candidates(frames, query, window)
    return int(candidates[rng.integers(len(candidates))])
