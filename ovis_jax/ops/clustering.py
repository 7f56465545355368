"""Pixels of a clip to clusters of their embeddings, seed by seed. Source: STEm-Seg, section 3.3."""

from __future__ import annotations

import dataclasses

import flax
import jax
import jax.numpy as jnp

BACKGROUND, OUTLIER = -2, -1
MOST_CLUSTERS = 127  # maps of clusters are kept as int8
FARTHEST, NEAREST, NONE = "farthest", "nearest", "none"
SECOND_PASSES = (FARTHEST, NEAREST, NONE)


@dataclasses.dataclass(frozen=True)
class ClusterRules:
    """When a pixel becomes a seed or belongs to one.

    Attributes:
      max_clusters: K, at most `MOST_CLUSTERS`.
      min_seediness: of a seed.
      threshold: probability above which a free pixel belongs to a seed.
      second_threshold: likewise in the second pass.
      second_pass: what happens to pixels that are left over. "farthest", as published: they go to
        the cluster at the greatest distance, if even that is probable enough; "nearest": to the one
        at the smallest distance; "none".
      stale_at_limit: as published, if there are K clusters, the second pass takes the pixels of the
        last one for left over, too, and may give them all away.
    """

    max_clusters: int = 20
    min_seediness: float = 0.8
    threshold: float = 0.5
    second_threshold: float = 0.3
    second_pass: str = FARTHEST
    stale_at_limit: bool = True

    def __post_init__(self):
        """Checks the choice and the limit."""
        if not 1 <= self.max_clusters <= MOST_CLUSTERS:
            raise ValueError(f"max_clusters is {self.max_clusters}; expected 1 to {MOST_CLUSTERS}")
        if self.second_pass not in SECOND_PASSES:
            raise ValueError(
                f"second_pass is {self.second_pass!r}; expected one of {SECOND_PASSES}"
            )


@flax.struct.dataclass
class _Search:
    """Clusters so far.

    Attributes:
      count: [] int32, how many.
      labels: [N] int32.
      free: [N] bool, pixels without a cluster.
      left: [N] bool, pixels that the second pass looks at.
      distance: [N], that of the cluster that the second pass would choose.
      choice: [N] int32, that cluster.
    """

    count: jax.Array
    labels: jax.Array
    free: jax.Array
    left: jax.Array
    distance: jax.Array
    choice: jax.Array


def cluster_pixels(
    embeddings: jax.Array,
    bandwidths: jax.Array,
    seediness: jax.Array,
    foreground: jax.Array,
    rules: ClusterRules,
) -> jax.Array:
    """Gives pixels to seeds: the free pixel of most seediness is the next one.

    The probability of a pixel is exp(-d / 2), where d is the distance from the seed's embedding,
    whose squares are weighted with the seed's bandwidths.

    Args:
      embeddings: [N, E] float32.
      bandwidths: [N, E] float32.
      seediness: [N] float32 in [0, 1].
      foreground: [N] bool, pixels that may belong to a cluster.
      rules: thresholds and limits.

    Returns:
      [N] int32: cluster in [0, K) in the order of seeds, OUTLIER of a pixel in none, or BACKGROUND.
    """
    nearest = rules.second_pass == NEAREST

    def goes_on(state: _Search) -> jax.Array:
        best = jnp.max(seediness, initial=-1.0, where=state.free)
        return (state.count < rules.max_clusters) & state.free.any() & (best >= rules.min_seediness)

    def add(state: _Search) -> _Search:
        seed = jnp.argmax(jnp.where(state.free, seediness, -1.0))
        differences = embeddings - embeddings[seed]
        distance = jnp.sqrt(jnp.sum(bandwidths[seed] * differences * differences, axis=-1))
        own = state.free & (jnp.exp(-0.5 * distance) > rules.threshold)
        better = distance < state.distance if nearest else distance > state.distance
        free = state.free & ~own
        at_limit = rules.stale_at_limit & (state.count + 1 == rules.max_clusters)
        return _Search(
            count=state.count + 1,
            labels=jnp.where(own, state.count, state.labels),
            free=free,
            left=jnp.where(at_limit, state.free, free),
            distance=jnp.where(better, distance, state.distance),
            choice=jnp.where(better, state.count, state.choice),
        )

    none = jnp.full(foreground.shape, OUTLIER, jnp.int32)
    start = _Search(
        count=jnp.int32(0),
        labels=jnp.where(foreground, none, BACKGROUND),
        free=foreground,
        left=foreground,
        distance=jnp.full(foreground.shape, jnp.inf if nearest else -1.0, jnp.float32),
        choice=none,
    )
    state = jax.lax.while_loop(goes_on, add, start)
    if rules.second_pass == NONE:
        return state.labels
    probable = jnp.exp(-0.5 * state.distance) > rules.second_threshold
    given = state.left & probable & (state.choice >= 0)
    return jnp.where(given, state.choice, state.labels)
