"""Masks compared at points instead of everywhere. Source: PointRend (Kirillov et al. 2020)."""

import jax
import jax.numpy as jnp
import optax

from ovis_jax.ops.losses import linear_dice
from ovis_jax.ops.sampling import bilinear_gather


def sample_points(maps: jax.Array, points: jax.Array) -> jax.Array:
    """Values of maps at points, bilinear between cell centres, zeros outside.

    Args:
      maps: [..., H, W].
      points: [..., P, 2] as (x, y), from (0, 0) in the upper left corner to (1, 1); leading axes
        as those of the maps, or of length 1.

    Returns:
      [..., P] float32.
    """
    *batch, height, width = maps.shape
    cells = points * jnp.array([width, height], jnp.float32) - 0.5
    cells = jnp.broadcast_to(cells, (*batch, *cells.shape[-2:])).reshape(-1, *cells.shape[-2:])
    flat = maps.reshape(-1, height, width, 1).astype(jnp.float32)
    return jax.vmap(bilinear_gather)(flat, cells)[..., 0].reshape(*batch, -1)


def sample_packed(masks: jax.Array, points: jax.Array) -> jax.Array:
    """`sample_points` of bit-packed masks, which are not unpacked for it.

    Args:
      masks: [..., H, W // 8] uint8, packed along the width.
      points: [..., P, 2], likewise.

    Returns:
      [..., P] float32 in [0, 1].
    """
    *batch, height, width = masks.shape
    width *= 8
    cells = points * jnp.array([width, height], jnp.float32) - 0.5
    low = jnp.floor(cells)
    total = 0.0
    flat = masks.reshape(*batch, -1)
    for dx, dy in ((0, 0), (1, 0), (0, 1), (1, 1)):
        corner = low + jnp.array([dx, dy], jnp.float32)
        x, y = corner[..., 0], corner[..., 1]
        inside = (x >= 0) & (x < width) & (y >= 0) & (y < height)
        column, row = (jnp.where(inside, v, 0).astype(jnp.int32) for v in (x, y))
        place = jnp.broadcast_to(row * (width // 8) + column // 8, (*batch, points.shape[-2]))
        byte = jnp.take_along_axis(flat, place, axis=-1)
        bit = byte >> (7 - column % 8).astype(jnp.uint8) & 1
        weight = jnp.prod(1 - jnp.abs(cells - corner), axis=-1)
        total = total + jnp.where(inside, weight, 0) * bit
    return total


def uncertain_points(
    logits: jax.Array, candidates: jax.Array, others: jax.Array, num_uncertain: int
) -> jax.Array:
    """Points where masks are least decided, and some others.

    Args:
      logits: [..., H, W] of masks.
      candidates: [..., C, 2] points to choose from.
      others: [..., O, 2] points that are taken in any case.
      num_uncertain: U, how many candidates are chosen: those with the smallest |logit|.

    Returns:
      [..., U + O, 2]; without gradient.
    """
    sizes = jnp.abs(sample_points(jax.lax.stop_gradient(logits), candidates))
    _, chosen = jax.lax.top_k(-sizes, num_uncertain)
    return jnp.concatenate(
        [jnp.take_along_axis(candidates, chosen[..., None], axis=-2), others], axis=-2
    )


def point_losses(logits: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Cross-entropy and dice of masks at points.

    Args:
      logits: [..., P].
      targets: [..., P] in [0, 1].

    Returns:
      Mean binary cross-entropy [...], and 1 - (2 sum(p t) + 1) / (sum p + sum t + 1), [...].
    """
    entropy = optax.sigmoid_binary_cross_entropy(logits, targets).mean(-1)
    return entropy, linear_dice(jax.nn.sigmoid(logits), targets)


def pair_losses(logits: jax.Array, targets: jax.Array) -> tuple[jax.Array, jax.Array]:
    """`point_losses` of every mask with every target, as products of matrices.

    Args:
      logits: [..., Q, P].
      targets: [..., M, P] in [0, 1].

    Returns:
      Cross-entropy and dice, [..., Q, M] each.
    """
    num_points = logits.shape[-1]
    inside, outside = jax.nn.softplus(-logits), jax.nn.softplus(logits)
    product = "...qp,...mp->...qm"
    entropy = jnp.einsum(product, inside - outside, targets, precision="highest")
    entropy = (entropy + outside.sum(-1)[..., None]) / num_points
    probs = jax.nn.sigmoid(logits)
    shared = 2 * jnp.einsum(product, probs, targets, precision="highest")
    sums = probs.sum(-1)[..., None] + targets.sum(-1)[..., None, :]
    return entropy, 1 - (shared + 1) / (sums + 1)
