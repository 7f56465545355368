"""A batch that is spread over devices, seen from one of them."""

from __future__ import annotations

import dataclasses

import jax
import jax.numpy as jnp


@dataclasses.dataclass(frozen=True)
class Shard:
    """The rows of a batch that one device computes with.

    Losses divide sums over their own rows by totals over all rows, so that the sum over the shards
    is the loss of the whole batch.

    Attributes:
      axis: name of the mapped axis of the devices; None: the shard is the whole batch.
      count: number of shards.
    """

    axis: str | None = None
    count: int = 1

    def total(self, value: jax.Array) -> jax.Array:
        """Sum of a value over all shards."""
        return value if self.axis is None else jax.lax.psum(value, self.axis)

    def total_rows(self, rows: int) -> int:
        """Rows of the whole batch if each shard has so many."""
        return rows * self.count

    def keys(self, key: jax.Array, rows: int) -> jax.Array:
        """PRNG keys [rows], one for each row; a row of the batch has the same one in any shard."""
        keys = jax.random.split(key, self.total_rows(rows))
        if self.axis is None:
            return keys
        return jax.lax.dynamic_slice_in_dim(keys, jax.lax.axis_index(self.axis) * rows, rows)


WHOLE = Shard()


def mean_of_rows(values: jax.Array, shard: Shard) -> jax.Array:
    """This shard's part of the mean of [B] over all rows."""
    return jnp.sum(values) / shard.total_rows(len(values))
