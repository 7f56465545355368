"""The Lovász hinge: a convex stand-in for 1 - IoU of a mask."""

import jax
import jax.numpy as jnp


def lovasz_hinge(logits: jax.Array, targets: jax.Array) -> jax.Array:
    """Loss of one mask. Source: Berman et al. 2018, The Lovász-Softmax loss, algorithm 1.

    Args:
      logits: any shape; above 0 is inside.
      targets: likewise, bool.

    Returns:
      [] float32. Pixels of equal error share a gradient in any way that adds up.
    """
    logits, targets = logits.reshape(-1), targets.reshape(-1)
    errors = 1 - jnp.where(targets, logits, -logits)
    order = jnp.argsort(-jax.lax.stop_gradient(errors))
    inside = targets[order]
    total = targets.sum()
    # Whole numbers: exact up to the division.
    shared = total - jnp.cumsum(inside, dtype=jnp.int32)
    union = total + jnp.cumsum(~inside, dtype=jnp.int32)
    jaccard = 1 - shared / union
    steps = jnp.diff(jaccard, prepend=0.0)
    return jnp.sum(jax.nn.relu(errors[order]) * steps)
