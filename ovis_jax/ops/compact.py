"""Work on the valid ones of many padded items, so that padding costs memory but no time."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def map_valid(
    function: Callable[[Any], jax.Array], items: Any, valid: jax.Array, chunk: int
) -> jax.Array:
    """Values of the valid items, computed chunk by chunk; chunks without any are skipped.

    The backward pass computes each chunk again, so that the memory is that of one chunk.

    Args:
      function: of items [chunk, ...] to values [chunk]; what it reads besides is differentiated
        too. It sees invalid items only beside valid ones, and all zero.
      items: pytree of arrays [N, ...].
      valid: [N] bool.
      chunk: items that are computed together.

    Returns:
      [N] float32, 0 where not valid.
    """
    count = len(valid)
    order = jnp.argsort(~valid, stable=True)
    padding = -count % chunk

    def in_chunks(x):
        x = x[order]
        x = jnp.where(valid[order].reshape(-1, *[1] * (x.ndim - 1)), x, jnp.zeros_like(x))
        x = jnp.pad(x, [(0, padding)] + [(0, 0)] * (x.ndim - 1))
        return x.reshape(-1, chunk, *x.shape[1:])

    def values(own, exists):
        return jnp.where(exists, function(own).astype(jnp.float32), 0)

    def zeros(own, exists):
        del own, exists
        return jnp.zeros(chunk, jnp.float32)

    # Around the condition: what it hands to the backward pass would be kept for every chunk, with
    # all that the function reads besides its items.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def step(carry, part):
        own, exists = part
        return carry, jax.lax.cond(exists.any(), values, zeros, own, exists)

    _, found = jax.lax.scan(step, None, (jax.tree.map(in_chunks, items), in_chunks(valid)))
    return (
        jnp.zeros(count, jnp.float32).at[order].set(found.reshape(-1)[:count], unique_indices=True)
    )
