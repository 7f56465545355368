"""The reference frames of a query, and the mean of what each of them gives."""

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.structures import Window

AVERAGES = ("logits", "probs")


def window_references(window: Window, center: int) -> tuple[list[jax.Array], jax.Array]:
    """The reference frames of a window, all but the query at `center`.

    A frame without any reference (a one-frame video, or a window of one frame) is its own
    reference.

    Args:
      window: pyramid of [T, h, w, C], valid [T].
      center: number of the query frame in it.

    Returns:
      Levels [F, h, w, C], zero where a reference does not exist, and weights [F] that add up to 1
      over those that do.
    """
    if len(window.valid) == 1:
        return list(window.pyramid), jnp.ones(1)
    others = np.delete(np.arange(len(window.valid)), center)
    exists = window.valid[others]
    alone = ~exists.any()
    exists = exists.at[0].set(exists[0] | alone)
    levels = [
        x[others].at[0].set(jnp.where(alone, x[center], x[others[0]])) for x in window.pyramid
    ]
    levels = [jnp.where(exists[:, None, None, None], x, 0) for x in levels]
    return levels, exists / exists.sum()


def weighted_mean(x: jax.Array, weights: jax.Array) -> jax.Array:
    """Mean of [F, ...] over its first axis; entries of weight 0 may hold anything."""
    used = weights.reshape(-1, *[1] * (x.ndim - 1))
    return jnp.sum(jnp.where(used > 0, x, 0) * used, axis=0)


def mean_probs(logits: jax.Array, weights: jax.Array, average: str) -> jax.Array:
    """Probabilities [...] of logits [F, ...] of references with weights [F] that add up to 1.

    Args:
      logits: those of weight 0 may be anything.
      weights: of the references.
      average: "logits" averages before the sigmoid, "probs" after it.
    """
    if average == "logits":
        return jax.nn.sigmoid(weighted_mean(logits, weights))
    return weighted_mean(jax.nn.sigmoid(logits), weights)
