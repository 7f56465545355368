"""Random numbers of the rows of a batch, which do not depend on how the batch is split."""

from __future__ import annotations

import flax
import jax
import jax.numpy as jnp


@flax.struct.dataclass
class RowKeys:
    """A PRNG key for each row of a batch, or of a part of one.

    Held as the key of the batch and the numbers of the rows, since keys of several purposes are
    split off before the rows are.

    Attributes:
      key: [] PRNG key of the whole batch.
      row: [B] int32, the number of each row in the whole batch.
    """

    key: jax.Array
    row: jax.Array

    @classmethod
    def of(cls, key: jax.Array, num_rows: int) -> RowKeys:
        """The keys of all rows of a batch."""
        return cls(key, jnp.arange(num_rows))

    @property
    def each(self) -> jax.Array:
        """[B] PRNG keys, a function of the batch's key and the row's number alone."""
        return jax.vmap(jax.random.fold_in, in_axes=(None, 0))(self.key, self.row)

    def split(self, num: int) -> list[RowKeys]:
        """Independent keys of the same rows, for so many purposes."""
        return [self.replace(key=key) for key in jax.random.split(self.key, num)]
