"""Clusters of a clip to identities, by what they share with those of the frames before.

Source: STEm-Seg, section 3.6, and its published code.
"""

from __future__ import annotations

import dataclasses

import flax
import jax
import jax.numpy as jnp

from ovis_jax.ops.bipartite import assign

FIRST_ID = 1
_NEVER_CHOSEN = 2.0  # costs more than a pair that shares nothing


@flax.struct.dataclass
class ClipIdentities:
    """Who is where in the frames of a clip.

    Attributes:
      clusters: [T, h, w] int8, cluster of each pixel in [0, K); negative where there is none.
      ids: [T, K] int32, identity of each cluster of a frame; anything for one without a pixel.
      next_id: [] int32, greater than every identity that was handed out.
    """

    clusters: jax.Array
    ids: jax.Array
    next_id: jax.Array


@dataclasses.dataclass(frozen=True)
class StitchRules:
    """Which clusters continue an identity.

    Attributes:
      least_iou: clusters that share less of the pixels of both do not, even if they are assigned;
        0, as published: all that are assigned do, even those that share nothing.
    """

    least_iou: float = 0.0


def no_identities(num_frames: int, size: tuple[int, int], num_clusters: int) -> ClipIdentities:
    """Before the first clip.

    Args:
      num_frames: T.
      size: (h, w).
      num_clusters: K.
    """
    return ClipIdentities(
        clusters=jnp.full((num_frames, *size), -1, jnp.int8),
        ids=jnp.zeros((num_frames, num_clusters), jnp.int32),
        next_id=jnp.int32(FIRST_ID),
    )


def stitch(
    known: ClipIdentities, clusters: jax.Array, shared: jax.Array, rules: StitchRules
) -> ClipIdentities:
    """Gives the clusters of a clip identities; pixels that have one keep it.

    The clusters of the shared frames are assigned to the identities that are visible there, at the
    greatest total IoU. All others are new: cluster k has identity `next_id` + k then. A number that
    no pixel holds in the end is used again.

    Args:
      known: what is known of the frames of the clip; only that of shared frames is read.
      clusters: [T, h, w] int8 of the clip, in [0, K) or negative.
      shared: [T] bool, frames that an earlier clip covers.
      rules: what continues an identity.

    Returns:
      That of the whole clip.
    """
    num_clusters = known.ids.shape[1]
    own_id = known.next_id + jnp.arange(num_clusters, dtype=jnp.int32)
    cost, old_ids, old_visible, new_visible = stitch_costs(known, clusters, shared)
    row, assigned = assign(jnp.where(old_visible[:, None], cost, _NEVER_CHOSEN), new_visible)
    iou = 1 - cost[row, jnp.arange(num_clusters)]
    continues = assigned & old_visible[row] & (iou >= rules.least_iou)
    ids = jnp.where(continues, old_ids[row], own_id)
    newly_covered = jnp.where(shared[:, None, None], -1, clusters)
    stored = _visible(newly_covered, num_clusters) & ~continues
    last = jnp.max(jnp.where(stored, own_id, 0))
    return ClipIdentities(
        clusters=jnp.where(shared[:, None, None], known.clusters, clusters),
        ids=jnp.where(shared[:, None], known.ids, ids),
        next_id=jnp.maximum(known.next_id, last + 1),
    )


def stitch_costs(
    known: ClipIdentities, clusters: jax.Array, shared: jax.Array
) -> tuple[jax.Array, jax.Array, jax.Array, jax.Array]:
    """1 - IoU of identities and clusters over the shared frames.

    Arguments as `stitch`.

    Returns:
      [T * K, K] costs; the identities [T * K] of its rows; which of them are visible, each in one
      row only; and which clusters are visible, [K] bool.
    """
    num_frames, num_clusters = known.ids.shape
    pairs = _pair_counts(known.clusters, clusters, num_clusters)
    pairs = jnp.where(shared[:, None, None], pairs, 0)  # [T, K + 1, K + 1], the last of no cluster
    old_sizes = pairs[:, :-1].sum(-1).reshape(-1)
    new_sizes = pairs[:, :, :-1].sum((0, 1))
    ids = known.ids.reshape(-1)
    same = (ids[:, None] == ids) & (old_sizes > 0)[:, None] & (old_sizes > 0)
    first = (old_sizes > 0) & ~jnp.tril(same, -1).any(axis=1)
    flat = pairs[:, :-1, :-1].reshape(num_frames * num_clusters, num_clusters)
    joined = same.astype(jnp.int32) @ flat
    sizes = same.astype(jnp.int32) @ old_sizes
    union = sizes[:, None] + new_sizes - joined
    cost = 1 - joined / jnp.maximum(union, 1)
    return cost, ids, first, new_sizes > 0


def _pair_counts(old: jax.Array, new: jax.Array, num_clusters: int) -> jax.Array:
    """[T, K + 1, K + 1] int32: pixels of each old and new cluster; the last place is of none."""
    side = num_clusters + 1
    old, new = (jnp.where(x < 0, num_clusters, x.astype(jnp.int32)) for x in (old, new))
    frame = jnp.arange(len(old))[:, None, None]
    place = (frame * side + old) * side + new
    counts = jnp.zeros(len(old) * side * side, jnp.int32).at[place.reshape(-1)].add(1)
    return counts.reshape(len(old), side, side)


def _visible(clusters: jax.Array, num_clusters: int) -> jax.Array:
    """[K] bool: the clusters [...] int8 that some pixel belongs to."""
    own = jnp.where(clusters < 0, num_clusters, clusters.astype(jnp.int32))
    return jnp.zeros(num_clusters, bool).at[own.reshape(-1)].set(True, mode="drop")
