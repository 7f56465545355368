"""Queries that live from frame to frame, and the class and mask that each of them says.

Source: Norouzi et al. 2026 (VidEoMT); heads as EoMT (Kerssies et al. 2025).
"""

from __future__ import annotations

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.layers import DepthwiseConv, DoublingConv, layer_norm
from ovis_jax.ops.gelu import gelu

_UPSCALED_EPSILON = 1e-6


@flax.struct.dataclass
class QueryMasks:
    """What the queries say of frames.

    Attributes:
      class_logits: [B, Q, K + 1] float32, "no object" last.
      mask_logits: [B, Q, h, w] float32, on a grid over the canvas.
    """

    class_logits: jax.Array
    mask_logits: jax.Array


class QueryMaskHead(nn.Module):
    """Table of queries, their way to the next frame, class and mask predictors.

    Attributes:
      num_classes: K, without "no object".
      num_queries: Q.
      width: D, of a token.
      doublings: of the grid of patches, before masks are read from it.
      dtype: of the computation.
    """

    num_classes: int
    num_queries: int = 200
    width: int = 1024
    doublings: int = 2
    dtype: str = "float32"

    def setup(self):
        """Makes the layers."""
        normal = nn.initializers.normal(1.0)
        self.queries = self.param("queries", normal, (self.num_queries, self.width))
        self.updater = nn.Dense(self.width, dtype=self.dtype)
        self.class_logits = nn.Dense(self.num_classes + 1, dtype=self.dtype)
        self.mask_layers = [nn.Dense(self.width, dtype=self.dtype) for _ in range(3)]
        self.upscaling = [Upscaling(self.width, self.dtype) for _ in range(self.doublings)]

    def first(self) -> jax.Array:
        """Queries [Q, D] float32 of a video's first frame."""
        return self.queries

    def next(self, rows: jax.Array) -> jax.Array:
        """Queries [..., Q, D] float32 of the next frame, from what became of them in this one."""
        return self.updater(rows).astype("float32") + self.queries

    def __call__(self, rows: jax.Array, patches: jax.Array) -> QueryMasks:
        """What queries [B, Q, D] say of a frame's patches [B, h, w, D]."""
        embeddings = self.embed(rows)
        features = self.upscale(patches)
        masks = jnp.einsum("bqd,bhwd->bqhw", embeddings, features, preferred_element_type="float32")
        return QueryMasks(self.class_logits(rows).astype("float32"), masks)

    def embed(self, rows: jax.Array) -> jax.Array:
        """What masks are read with: [B, Q, D]."""
        *inner, last = self.mask_layers
        for layer in inner:
            rows = gelu(layer(rows))
        return last(rows)

    def upscale(self, patches: jax.Array) -> jax.Array:
        """What masks are read from: [B, h, w, D], with more rows and columns."""
        for layer in self.upscaling:
            patches = layer(patches)
        return patches


class Upscaling(nn.Module):
    """Doubles a map: transposed convolution, GELU, depthwise convolution, norm."""

    width: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, h, w, D] to [B, 2h, 2w, D]."""
        x = gelu(DoublingConv(self.width, self.dtype, name="double")(x))
        x = DepthwiseConv(self.dtype, name="depthwise")(x)
        return layer_norm(self.dtype, _UPSCALED_EPSILON, "norm")(x)
