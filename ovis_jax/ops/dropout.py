"""Dropout by keys of the rows of a batch, however it is split. Source: Srivastava et al. 2014."""

from __future__ import annotations

import jax
import jax.numpy as jnp


def dropout(x: jax.Array, keys: jax.Array | None, rate: float) -> jax.Array:
    """Sets elements to zero at random; the others grow, so that the expected value stays.

    Args:
      x: [B, ...].
      keys: [B] PRNG keys of the rows; None: nothing is dropped, as in prediction.
      rate: probability that an element is dropped, in [0, 1); of 0 no number is drawn.
    """
    if keys is None or not rate:
        return x
    kept = jax.vmap(lambda key: jax.random.bernoulli(key, 1 - rate, x.shape[1:]))(keys)
    return jnp.where(kept, x / (1 - rate), 0)


def split_keys(keys: jax.Array | None, num: int) -> list[jax.Array | None]:
    """[B] keys for each of so many purposes; None for each if there are none."""
    if keys is None:
        return [None] * num
    return list(jnp.swapaxes(jax.vmap(lambda key: jax.random.split(key, num))(keys), 0, 1))
