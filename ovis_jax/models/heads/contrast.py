"""Contrast of the embeddings of two frames: an object's own queries against all others.

Source: Wu et al. 2022 (IDOL), equation 4, after Pang et al. 2021 (QDTrack).
"""

import jax
import jax.numpy as jnp

_SHORTEST = 1e-12  # an embedding that is shorter has the cosine 0 with all
NEGATIVES_OF_A_POSITIVE = 10  # at most, of the cosines


def contrast_loss(products: jax.Array, positive: jax.Array, negative: jax.Array) -> jax.Array:
    """log(1 + sum over pairs of exp(negative - positive)) of each object; 0 without a pair.

    Args:
      products: [..., Q], of an object's embedding with those of all queries.
      positive: [..., Q] bool, the queries of the object.
      negative: [..., Q] bool, queries of anything else.
    """
    exists = positive.any(-1) & negative.any(-1)
    nearest = _log_sum(products, negative | ~exists[..., None])
    farthest = _log_sum(-products, positive | ~exists[..., None])
    return jnp.where(exists, jax.nn.softplus(nearest + farthest), 0)


def cosine_loss(cosines: jax.Array, positive: jax.Array, negative: jax.Array) -> jax.Array:
    """Mean squared distance of cosines from 1 (positive) and from 0 (negative); [...].

    Args:
      cosines: [..., Q].
      positive: [..., Q] bool.
      negative: [..., Q] bool, those that are looked at; see `some_negatives`.
    """
    total = jnp.sum((cosines - 1) ** 2, axis=-1, where=positive)
    total = total + jnp.sum(cosines**2, axis=-1, where=negative)
    count = positive.sum(-1) + negative.sum(-1)
    return total / jnp.maximum(count, 1)


def some_negatives(negative: jax.Array, positive: jax.Array, draws: jax.Array) -> jax.Array:
    """Which negatives cosines are compared with: few for each positive, or few if there is none.

    Args:
      negative: [..., Q] bool.
      positive: [..., Q] bool.
      draws: [..., Q], the smallest ones are chosen.

    Returns:
      [..., Q] bool.
    """
    wanted = NEGATIVES_OF_A_POSITIVE * jnp.maximum(positive.sum(-1, keepdims=True), 1)
    order = jnp.argsort(jnp.where(negative, draws, jnp.inf), axis=-1)
    rank = jnp.argsort(order, axis=-1)
    return negative & (rank < wanted)


def cosines_of(a: jax.Array, b: jax.Array) -> jax.Array:
    """Cosines [..., N, Q] of embeddings [..., N, E] and [..., Q, E]."""
    return products_of(_unit(a), _unit(b))


def products_of(a: jax.Array, b: jax.Array) -> jax.Array:
    """Products [..., N, Q] of embeddings [..., N, E] and [..., Q, E]."""
    return jnp.einsum("...ne,...qe->...nq", a, b, precision="highest")


def _unit(x: jax.Array) -> jax.Array:
    squares = jnp.sum(x * x, axis=-1, keepdims=True)
    long = squares > _SHORTEST**2
    return jnp.where(long, x / jnp.sqrt(jnp.where(long, squares, 1)), 0)


def _log_sum(x: jax.Array, where: jax.Array) -> jax.Array:
    """Logarithm of the sum of the exponentials of the numbers at hand, of which there are some."""
    return jax.nn.logsumexp(x, axis=-1, where=where)
