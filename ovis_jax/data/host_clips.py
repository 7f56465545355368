"""The clips that one of several hosts trains on, by number."""

from __future__ import annotations

from ovis_jax.data.samples import Samples
from ovis_jax.structures import Clips


class HostClips:
    """Every clip that a host loads: number `i` is row `i % rows` of its part of batch `i // rows`.

    Attributes:
      rows: clips of this host in a batch.
    """

    def __init__(self, data: Samples, batch_size: int, seed: int, *, first_row: int, rows: int):
        """Loads nothing yet.

        Args:
          data: the samples.
          batch_size: clips a batch, on all hosts together.
          seed: of order, other frames and flips.
          first_row: of this host in every batch.
          rows: see above.
        """
        self.rows = rows
        self._data, self._seed, self._first_row = data, seed, first_row
        self._order = data.order(batch_size, seed)

    def load(self, number: int) -> Clips:
        """A clip; numpy arrays without batch axis.

        Raises:
          InputError: a frame or mask cannot be used; names the file.
        """
        position, sample = self._place(number)
        return self._data.clip(self._data.draw(self._seed, position, sample))

    def blank(self, number: int) -> Clips:
        """What stands for a clip that cannot be loaded."""
        return self._data.blank_clip(self._place(number)[1])

    def _place(self, number: int) -> tuple[int, int]:
        """Its position among all rows of the training run, and its sample."""
        batch, row = divmod(number, self.rows)
        row += self._first_row
        sample = int(self._order.samples(batch)[row])
        return batch * self._order.batch_size + row, sample
