"""The reference frames of a query, calibration with them, and the mean of what each of them gives.

Source: paper, section 4.
"""

from collections.abc import Callable, Sequence

import jax
import jax.numpy as jnp
import numpy as np

from ovis_jax.structures import Features, Window

AVERAGES = ("logits", "probs")
MIN_PROB = 1e-30  # of a mean of probabilities, where it is given as a logit

Pyramid = tuple[jax.Array, ...]
Calibration = Callable[[Pyramid, Pyramid], Pyramid]


def calibrate(
    calibration: Calibration | None, query: Sequence[jax.Array], reference: Sequence[jax.Array]
) -> Pyramid:
    """The calibrated levels [B, h, w, C] of a query; without calibration these are the query's."""
    query, reference = tuple(query), tuple(reference)
    return query if calibration is None else calibration(query, reference)


def calibrate_window(
    calibration: Calibration | None, window: Window, center: int
) -> tuple[Pyramid, jax.Array]:
    """Levels [F, h, w, C] of a query, calibrated with the F references in its window.

    References that do not exist weigh nothing. A frame without any (a one-frame video, or a window
    of one frame) is its own. Without calibration the query stands alone, and F is 1.

    Args:
      calibration: (query pyramid, reference pyramid) to calibrated pyramid, or None.
      window: its features are the levels to calibrate.
      center: number of the query frame in it.

    Returns:
      The levels, and weights [F] that add up to 1.
    """
    query = query_features(window, center)
    if calibration is None:
        return query, jnp.ones(1)
    reference, weights = window_references(window, center)
    queries = [jnp.broadcast_to(x, (len(weights), *x.shape[1:])) for x in query]
    return calibrate(calibration, queries, reference), weights


def query_features(window: Window, center: int) -> Features:
    """The features [1, ...] of the query frame, which stands at `center` of a window."""
    return jax.tree.map(lambda x: x[center][None], window.features)


def window_references(window: Window, center: int) -> tuple[Features, jax.Array]:
    """The reference frames of a window, all but the query at `center`.

    A frame without any reference (a one-frame video, or a window of one frame) is its own
    reference.

    Args:
      window: features of [T, ...], valid [T].
      center: number of the query frame in it.

    Returns:
      Features [F, ...], zero where a reference does not exist, and weights [F] that add up to 1
      over those that do.
    """
    if len(window.valid) == 1:
        return window.features, jnp.ones(1)
    others = np.delete(np.arange(len(window.valid)), center)
    exists = window.valid[others]
    alone = ~exists.any()
    exists = exists.at[0].set(exists[0] | alone)

    def references(x):
        x = x[others].at[0].set(jnp.where(alone, x[center], x[others[0]]))
        return jnp.where(exists.reshape(-1, *[1] * (x.ndim - 1)), x, 0)

    return jax.tree.map(references, window.features), exists / exists.sum()


def weighted_mean(x: jax.Array, weights: jax.Array) -> jax.Array:
    """Mean over the first axis of [F, ...] with weights [F], or of [F, R, ...] with [F, R].

    Weights add up to 1 over the first axis; entries of weight 0 may hold anything.
    """
    used = weights.reshape(*weights.shape, *[1] * (x.ndim - weights.ndim))
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


def mean_masks(
    draw: Callable[..., jax.Array], arguments: Sequence[jax.Array], weights: jax.Array
) -> jax.Array:
    """Mask logits [...] whose probabilities are the means of those of several references.

    References are drawn one after the other: all together would need many times the memory. A
    single one is drawn as it is.

    Args:
      draw: of the arguments of one reference to mask logits [...].
      arguments: [F, ...] each; those of weight 0 may be anything.
      weights: [F] that add up to 1.
    """
    if len(weights) == 1:
        return draw(*(x[0] for x in arguments))

    def add(probs, reference):
        *own, weight = reference
        logits = jnp.where(weight > 0, draw(*own), 0)
        inside, outside = probs  # apart, so that neither is lost in the rounding of the other
        inside = inside + weight * jax.nn.sigmoid(logits)
        return (inside, outside + weight * jax.nn.sigmoid(-logits)), None

    empty = jnp.zeros(jax.eval_shape(draw, *(x[0] for x in arguments)).shape)
    probs, _ = jax.lax.scan(add, (empty, empty), (*arguments, weights))
    inside, outside = (jnp.log(jnp.maximum(x, MIN_PROB)) for x in probs)
    return inside - outside
