"""A mean that is not divided yet, so that means of parts can be put together."""

from __future__ import annotations

import flax
import jax
import jax.numpy as jnp


@flax.struct.dataclass
class Mean:
    """A sum and what it is to be divided by.

    What computes it knows its own rows of a batch only. Whoever has split the batch adds the means
    of the parts up and divides once, so that every item of the batch weighs the same.

    Attributes:
      total: [] sum over the items.
      count: [] number of items, or the sum of their weights; not negative. Without items the total
        is 0, too.
    """

    total: jax.Array | float
    count: jax.Array | float

    @classmethod
    def of(cls, values: jax.Array) -> Mean:
        """The mean of all values of an array of any shape."""
        return cls(jnp.sum(values), values.size)

    def __add__(self, other: Mean) -> Mean:
        """The mean over the items of both."""
        return Mean(self.total + other.total, self.count + other.count)

    def weighted(self, weight: float) -> Mean:
        """A mean that counts so much in a sum of means."""
        return Mean(weight * self.total, self.count)

    @property
    def value(self) -> jax.Array:
        """[] float32: total / count; 0 without items."""
        return self.total / jnp.where(self.count > 0, self.count, 1)
