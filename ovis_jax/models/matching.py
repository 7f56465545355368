"""Matching the objects of a query frame with those of a reference frame: targets and loss.

For embeddings of any head that are compared by their dot product. Source: MaskTrack R-CNN, section
4.
"""

import jax
import jax.numpy as jnp
import optax

from ovis_jax.ops.means import Mean
from ovis_jax.structures import Instances


def pair_matches(query: Instances, reference: Instances) -> jax.Array:
    """Where the objects of a query frame stand in a reference frame of the same clip.

    Args:
      query: [N, ...].
      reference: [M, ...].

    Returns:
      [N] int32: 1 + the slot of the same identity in the reference frame, or 0 where it has none
      and in invalid slots.
    """
    same = query.identities[:, None] == reference.identities
    same &= query.valid[:, None] & reference.valid
    slots = jnp.arange(1, 1 + len(reference.valid), dtype=jnp.int32)
    return jnp.max(jnp.where(same, slots, 0), axis=1)


def track_targets(matches: jax.Array, index: jax.Array, positive: jax.Array) -> jax.Array:
    """Column that each row should choose: [R] int32, 0 for "new", else 1 + the reference slot.

    Args:
      matches: [N] int32 of `pair_matches`.
      index: [R] int32, the instance of a positive row (a RoI, a point).
      positive: [R] bool.
    """
    return jnp.where(positive, matches[index], 0)


def track_loss(
    embeddings: jax.Array,
    reference_embeddings: jax.Array,
    reference_valid: jax.Array,
    targets: jax.Array,
    positive: jax.Array,
) -> Mean:
    """Cross-entropy over [new, reference objects]: mean over positives, then over images.

    An image with a single positive counts; the published code drops it by accident (a squeezed
    axis).

    Args:
      embeddings: [B, R, E].
      reference_embeddings: [B, N, E].
      reference_valid: [B, N] bool.
      targets: [B, R] int32 in [0, N].
      positive: [B, R] bool.
    """
    embeddings = jnp.where(positive[..., None], embeddings, 0)
    reference = jnp.where(reference_valid[..., None], reference_embeddings, 0)
    match = jnp.einsum("bre,bne->brn", embeddings, reference)
    match = jnp.where(reference_valid[:, None], match, jnp.finfo(match.dtype).min)
    logits = jnp.pad(match, ((0, 0), (0, 0), (1, 0)))  # the first column is "new"
    loss = optax.softmax_cross_entropy_with_integer_labels(logits, targets)
    per_image = jnp.sum(loss, axis=-1, where=positive) / jnp.maximum(positive.sum(-1), 1)
    return Mean.of(per_image)


def draw_partners(
    matches: jax.Array,
    rows: tuple[jax.Array, jax.Array],
    others: tuple[jax.Array, jax.Array],
    draws: jax.Array,
) -> tuple[jax.Array, jax.Array]:
    """For each row of one frame, a row of the other frame that stands for the same object.

    Of the n rows of the other frame that do, in their order, the one of number `draw % n`.

    Args:
      matches: [N] int32 of `pair_matches`, from the frame to the other one.
      rows: index [P] int32, the instance of each row (a point), and positive [P] bool.
      others: the same [R] of the other frame.
      draws: [P] unsigned integers.

    Returns:
      [P] int32, and which rows have a partner, [P] bool; elsewhere it is 0.
    """
    index, positive = rows
    slot = track_targets(matches, index, positive) - 1
    same = (slot[:, None] == others[0]) & others[1] & (slot >= 0)[:, None]  # [P, R]
    count = same.sum(axis=1, dtype=jnp.uint32)
    number = jnp.cumsum(same, axis=1, dtype=jnp.int32) - 1
    drawn = (draws.astype(jnp.uint32) % jnp.maximum(count, 1)).astype(jnp.int32)
    partner = jnp.argmax(same & (number == drawn[:, None]), axis=1)
    return partner.astype(jnp.int32), count > 0
