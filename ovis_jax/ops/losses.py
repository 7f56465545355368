"""Elementwise losses; the heads clean their inputs and reduce."""

import jax
import jax.numpy as jnp


def smooth_l1(error: jax.Array, beta: float) -> jax.Array:
    """Quadratic below `beta`, linear above. Source: Fast R-CNN, equation 3.

    Args:
      error: any shape.
      beta: above 0; where error^2 / (2 beta) passes into |error| - beta / 2.
    """
    size = jnp.abs(error)
    return jnp.where(size < beta, 0.5 / beta * error * error, size - 0.5 * beta)
