"""Which frames make up which batch: pure functions of the seed and the batch number.

Nothing here has state, so training restarts at any batch without replaying the ones before it, and
every host computes its own rows.
"""

from __future__ import annotations

import functools

import numpy as np

_ORDER, _DRAWS, _IMAGES, _VIEWS = 0, 1, 2, 3  # streams of random numbers that belong to one seed


class BatchOrder:
    """The order in which samples are visited.

    Samples are grouped by orientation, so that a batch has one canvas. Each epoch shuffles every
    group, fills it up to whole batches with its own first samples, and shuffles the batches of all
    groups.

    Attributes:
      batch_size: samples a batch, on all hosts together.
      batches_per_epoch: batches after which every sample was seen at least once.
    """

    def __init__(
        self,
        landscape: np.ndarray,
        *,
        batch_size: int,
        seed: int,
        images: ImageVisits | None = None,
    ):
        """Shuffles nothing yet.

        Args:
          landscape: [S] bool, the group of every sample that each epoch visits.
          batch_size: see above.
          seed: of the shuffling.
          images: other samples, some of which an epoch visits as well.
        """
        self.batch_size = batch_size
        self._seed = seed
        self._groups = [np.flatnonzero(landscape), np.flatnonzero(~landscape)]
        self._images = images
        sizes = [len(group) for group in self._visited(epoch=0)]
        self.batches_per_epoch = sum(-(-size // batch_size) for size in sizes)
        self._batches = functools.lru_cache(maxsize=3)(self._shuffle)

    def samples(self, batch: int) -> np.ndarray:
        """[batch_size] int, the samples of one batch, counted from the start of training."""
        epoch, position = divmod(batch, self.batches_per_epoch)
        return self._batches(epoch)[position]

    def _shuffle(self, epoch: int) -> np.ndarray:
        """[batches_per_epoch, batch_size] int, the batches of an epoch in their order."""
        rng = np.random.default_rng((self._seed, _ORDER, epoch))
        chunks = [self._fill(rng.permutation(group)) for group in self._visited(epoch)]
        return rng.permutation(np.concatenate(chunks), axis=0)

    def _visited(self, epoch: int) -> list[np.ndarray]:
        """The samples of an epoch, for each group."""
        if self._images is None:
            return self._groups
        drawn = [self._images.of_epoch(epoch, number) for number in range(len(self._groups))]
        return [np.concatenate(pair) for pair in zip(self._groups, drawn, strict=True)]

    def _fill(self, group: np.ndarray) -> np.ndarray:
        """Repeats a group's first samples until it is whole batches."""
        whole = -(-len(group) // self.batch_size) * self.batch_size
        return np.resize(group, whole).reshape(-1, self.batch_size)


class ImageVisits:
    """Which still images an epoch visits: a fixed number, all images equally often in the long run.

    Both orientations have the share of the visits that they have of the images.
    """

    def __init__(self, landscape: np.ndarray, *, first: int, count: int, seed: int):
        """Draws nothing yet.

        Args:
          landscape: [I] bool, the orientation of every image.
          first: sample number of the first image.
          count: images an epoch.
          seed: of the shuffling.
        """
        self._groups = [first + np.flatnonzero(landscape), first + np.flatnonzero(~landscape)]
        wide = round(count * float(landscape.mean()))
        self._counts = (wide, count - wide)
        self._seed = seed

    def of_epoch(self, epoch: int, group: int) -> np.ndarray:
        """Sample numbers of one orientation, the `group` of BatchOrder."""
        images, count = self._groups[group], self._counts[group]
        if not count:
            return images[:0]
        rounds, places = np.divmod(np.arange(epoch * count, (epoch + 1) * count), len(images))
        shuffled = {number: self._shuffled(group, number) for number in np.unique(rounds).tolist()}
        return np.array([shuffled[r][p] for r, p in zip(rounds, places, strict=True)])

    def _shuffled(self, group: int, number: int) -> np.ndarray:
        """The images of a group in the order of their visit number `number`."""
        rng = np.random.default_rng((self._seed, _IMAGES, group, number))
        return rng.permutation(self._groups[group])


def draws(seed: int, position: int) -> np.random.Generator:
    """Random numbers for the row at `position = batch * batch_size + row`, and for no other."""
    return np.random.default_rng((seed, _DRAWS, position))


def view_draws(seed: int, position: int) -> np.random.Generator:
    """As `draws`, of how frames are augmented: whatever is, frames and flips stay the same."""
    return np.random.default_rng((seed, _VIEWS, position))
