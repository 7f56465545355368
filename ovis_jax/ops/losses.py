"""Losses of single items; the heads clean their inputs and reduce."""

import jax
import jax.numpy as jnp
import optax


def smooth_l1(error: jax.Array, beta: float) -> jax.Array:
    """Quadratic below `beta`, linear above. Source: Fast R-CNN, equation 3.

    Args:
      error: any shape.
      beta: above 0; where error^2 / (2 beta) passes into |error| - beta / 2.
    """
    size = jnp.abs(error)
    return jnp.where(size < beta, 0.5 / beta * error * error, size - 0.5 * beta)


def sigmoid_focal(logits: jax.Array, targets: jax.Array, alpha: float, gamma: float) -> jax.Array:
    """Binary cross-entropy that counts less where it is small already. Source: RetinaNet, eq. 5.

    Args:
      logits: any shape.
      targets: likewise, in {0, 1}.
      alpha: weight of the ones; zeros weigh 1 - alpha.
      gamma: power of the probability of the other answer.
    """
    wrong = jax.nn.sigmoid(jnp.where(targets, -logits, logits))
    weight = jnp.where(targets, alpha, 1 - alpha)
    entropy = optax.sigmoid_binary_cross_entropy(logits, targets.astype(logits.dtype))
    return weight * wrong**gamma * entropy


def dice(probs: jax.Array, targets: jax.Array, epsilon: float = 1e-5) -> jax.Array:
    """1 - 2 sum(p g) / (sum(p^2) + sum(g^2) + epsilon) of each mask. Source: V-Net, section 3.

    Args:
      probs: [..., H, W] in [0, 1].
      targets: [..., H, W] in {0, 1}.
      epsilon: keeps the divisor of two empty masks from 0; their loss is 1.

    Returns:
      [...] in [0, 1].
    """
    targets = targets.astype(probs.dtype)
    shared = jnp.sum(probs * targets, axis=(-2, -1))
    squares = jnp.sum(probs * probs, axis=(-2, -1)) + jnp.sum(targets * targets, axis=(-2, -1))
    return 1 - 2 * shared / (squares + epsilon)


def linear_dice(probs: jax.Array, targets: jax.Array, smoothing: float = 1.0) -> jax.Array:
    """1 - (2 sum(p g) + smoothing) / (sum p + sum g + smoothing). Source: DETR's masks.

    Args:
      probs: [..., P] in [0, 1].
      targets: [..., P] in [0, 1].
      smoothing: so that two empty masks cost nothing.

    Returns:
      [...] in [0, 1].
    """
    targets = targets.astype(probs.dtype)
    shared = 2 * jnp.sum(probs * targets, axis=-1)
    return 1 - (shared + smoothing) / (probs.sum(-1) + targets.sum(-1) + smoothing)


_SMALLEST_PROB = 1e-37  # whose logarithm float32 still has
_LOWEST_LOG = -100.0


def prob_cross_entropy(probs: jax.Array, targets: jax.Array) -> jax.Array:
    """Binary cross-entropy of probabilities instead of logits, at most 100.

    A probability of exactly 0 or 1 that is wrong costs 100 and receives no gradient. Source:
    PyTorch's `binary_cross_entropy`.

    Args:
      probs: any shape, in [0, 1].
      targets: likewise, in {0, 1}.
    """
    right = jnp.where(targets, probs, 1 - probs)
    known = right > _SMALLEST_PROB
    return -jnp.where(known, jnp.log(jnp.where(known, right, 1)), _LOWEST_LOG)
