"""Tracking map: one appearance embedding for every cell of P3. Source: SipMask for video."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.layers import Tower, torch_uniform
from ovis_jax.ops.resize import gather_levels

TRACK_LEVELS = 3
TRACK_STRIDE = 8


class TrackMapHead(nn.Module):
    """A tower on P3, P4 and P5, joined at the size of P3.

    Attributes:
      channels: of an embedding; embeddings are compared by their plain dot product.
      tower_channels: of the tower.
      num_convs: its length.
      dtype: of the computation; the embedding is float32.
    """

    channels: int = 512
    tower_channels: int = 256
    num_convs: int = 2
    dtype: str = "float32"

    @nn.compact
    def __call__(self, pyramid: Sequence[jax.Array]) -> jax.Array:
        """Maps levels [B, h, w, C] to embeddings [B, H / 8, W / 8, channels] float32."""
        tower = Tower(self.num_convs, self.tower_channels, self.dtype, name="tower")
        x = gather_levels([tower(x) for x in pyramid[:TRACK_LEVELS]])
        embedding = nn.Conv(
            self.channels, (1, 1), kernel_init=torch_uniform, dtype="float32", name="embedding"
        )
        return embedding(x)


def embeddings_at(track_map: jax.Array, boxes: jax.Array) -> jax.Array:
    """Embeddings [R, E] of a map [h, w, E] in the cells that hold the centres of boxes [R, 4].

    Boxes are in pixels of the resized frame. A centre outside the map reads the nearest cell (the
    published code stops with an assertion, or reads the opposite side).
    """
    height, width = track_map.shape[:2]
    cells = jnp.floor((boxes[:, :2] + boxes[:, 2:]) / 2 / TRACK_STRIDE)
    x, y = jnp.clip(cells, 0, jnp.array([width - 1, height - 1])).astype(jnp.int32).T
    return track_map[y, x]
