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
    # In float32, since 1 - rate rounded to bfloat16 would change every element the same way.
    grown = x.astype(jnp.promote_types(x.dtype, jnp.float32)) / (1 - rate)
    return jnp.where(kept, grown, 0).astype(x.dtype)


def split_keys(keys: jax.Array | None, num: int) -> list[jax.Array | None]:
    """[B] keys for each of so many purposes; None for each if there are none."""
    if keys is None:
        return [None] * num
    return list(jnp.swapaxes(jax.vmap(lambda key: jax.random.split(key, num))(keys), 0, 1))
