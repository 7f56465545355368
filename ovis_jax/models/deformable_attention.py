"""Attention to a few points of each level. Source: Zhu et al. 2021, and its published code."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from ovis_jax.ops.deform_attention import deform_attention
from ovis_jax.ops.level_geometry import LevelGeometry

xavier = nn.initializers.xavier_uniform()


class DeformableAttention(nn.Module):
    """Queries read a few points of each level around their places.

    Attributes:
      num_heads: that the channels are split into.
      num_points: of each head and level.
      dtype: of the computation; points and weights are float32.
    """

    num_heads: int = 8
    num_points: int = 4
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self, queries: jax.Array, places: jax.Array, cells: jax.Array, geometry: LevelGeometry
    ) -> jax.Array:
        """Maps queries [B, Q, C] to [B, Q, C].

        Args:
          queries: that say where to read.
          places: [B, Q, L, 2] as (x, y), or [B, Q, L, 4] boxes as (x, y, width, height), shares of
            the maps of the levels, with their padding.
          cells: [B, N, C] of all levels; those of padding read as zero.
          geometry: of the levels.
        """
        channels = queries.shape[-1]
        values = nn.Dense(channels, kernel_init=xavier, dtype=self.dtype, name="values")(cells)
        values = jnp.where(geometry.on_frame()[..., None], values, 0)
        values = values.reshape(*values.shape[:2], self.num_heads, -1)
        points, weights = self._points(queries, places, geometry)
        read = deform_attention(geometry.split(values), points, weights)
        out = nn.Dense(channels, kernel_init=xavier, dtype=self.dtype, name="output")
        return out(read.reshape(queries.shape))

    def _points(self, queries, places, geometry: LevelGeometry) -> tuple[jax.Array, jax.Array]:
        """Points [B, Q, M, L, P, 2], shares of the levels' maps, and weights [B, Q, M, L, P]."""
        levels = len(geometry.shapes)
        shape = (self.num_heads, levels, self.num_points)
        zeros = nn.initializers.zeros
        directions = nn.initializers.constant(_directions(*shape).reshape(-1))
        offsets = nn.Dense(
            2 * math.prod(shape),
            kernel_init=zeros,
            bias_init=directions,
            dtype="float32",
            name="offsets",
        )(queries).reshape(*queries.shape[:2], *shape, 2)
        logits = nn.Dense(math.prod(shape), kernel_init=zeros, dtype="float32", name="weights")(
            queries
        )
        weights = jax.nn.softmax(logits.reshape(*queries.shape[:2], self.num_heads, -1))
        center = places[:, :, None, :, None, :2]
        if places.shape[-1] == 2:
            points = center + offsets / geometry.sides[:, None]
        else:
            sizes = places[:, :, None, :, None, 2:]
            points = center + offsets / self.num_points * sizes * 0.5
        return points, weights.reshape(*queries.shape[:2], *shape)


def _directions(heads: int, levels: int, points: int) -> np.ndarray:
    """Offsets [M, L, P, 2] to begin with: each head looks another way, each point a step further.

    Source: the published code.
    """
    angles = 2 * np.pi * np.arange(heads) / heads
    ways = np.stack([np.cos(angles), np.sin(angles)], axis=-1)
    ways = ways / np.abs(ways).max(axis=-1, keepdims=True)
    steps = np.arange(1, points + 1)[:, None]
    offsets = ways[:, None, None] * steps
    return np.broadcast_to(offsets, (heads, levels, points, 2)).astype(np.float32)
