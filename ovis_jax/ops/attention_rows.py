"""Attention of some queries at a time: products of all with all are never held together."""

import jax
import jax.numpy as jnp

QUERIES = 128  # at a time: what a register of a TPU has side by side


def by_rows(query: jax.Array, key: jax.Array, value: jax.Array) -> jax.Array:
    """As `jax.nn.dot_product_attention`, whose products are computed again for the gradient.

    On TPUs products of few queries stay in the core's own memory: a third of the cycles of all at
    once, with the gradient half (`benchmarks.token_operations`).

    Args:
      query: [B, N, heads, E].
      key: [B, M, heads, E].
      value: [B, M, heads, E].

    Returns:
      [B, N, heads, E].
    """
    batch, number, *head = query.shape
    parts = -(-number // QUERIES)
    padded = jnp.pad(query, ((0, 0), (0, parts * QUERIES - number), (0, 0), (0, 0)))
    padded = padded.reshape(batch, parts, QUERIES, *head)

    @jax.checkpoint
    def attend(some: jax.Array) -> jax.Array:
        return jax.nn.dot_product_attention(some, key, value)

    mixed = jax.lax.map(attend, jnp.moveaxis(padded, 1, 0))
    return jnp.moveaxis(mixed, 0, 1).reshape(batch, parts * QUERIES, *head)[:, :number]
