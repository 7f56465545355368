"""Work on the valid ones of many padded items, so that padding costs memory but no time."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp


def map_valid(function: Callable[[Any], Any], items: Any, valid: jax.Array, chunk: int) -> Any:
    """Values of the valid items, computed chunk by chunk; chunks without any are skipped.

    The backward pass computes each chunk again, so that the memory is that of one chunk.

    Args:
      function: of items [chunk, ...] to values, a pytree of arrays [chunk, ...]; what it reads
        besides is differentiated too. It sees invalid items only beside valid ones, and all zero.
      items: pytree of arrays [N, ...].
      valid: [N] bool.
      chunk: items that are computed together.

    Returns:
      Values [N, ...] float32, 0 where not valid.
    """
    count = len(valid)
    order = jnp.argsort(~valid, stable=True)
    padding = -count % chunk

    def in_chunks(x):
        x = _cleared(x[order], valid[order])
        x = jnp.pad(x, [(0, padding)] + [(0, 0)] * (x.ndim - 1))
        return x.reshape(-1, chunk, *x.shape[1:])

    def values(own, exists):
        return jax.tree.map(lambda x: _cleared(x.astype(jnp.float32), exists), function(own))

    def zeros(own, exists):
        shapes = jax.eval_shape(values, own, exists)
        return jax.tree.map(lambda x: jnp.zeros(x.shape, x.dtype), shapes)

    # Around the condition: what it hands to the backward pass would be kept for every chunk, with
    # all that the function reads besides its items.
    @functools.partial(jax.checkpoint, prevent_cse=False)
    def step(carry, part):
        own, exists = part
        return carry, jax.lax.cond(exists.any(), values, zeros, own, exists)

    _, found = jax.lax.scan(step, None, (jax.tree.map(in_chunks, items), in_chunks(valid)))

    def in_order(x):
        x = x.reshape(-1, *x.shape[2:])[:count]
        return jnp.zeros_like(x).at[order].set(x, unique_indices=True)

    return jax.tree.map(in_order, found)


def _cleared(x: jax.Array, valid: jax.Array) -> jax.Array:
    """Items [N, ...], zero where not valid [N]."""
    return jnp.where(valid.reshape(-1, *[1] * (x.ndim - 1)), x, jnp.zeros_like(x))
