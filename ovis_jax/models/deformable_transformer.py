"""Deformable transformer: a pyramid to queries with boxes that are refined layer by layer.

Source: Zhu et al. 2021, Deformable DETR, with the order of norms of its published code.
"""

from __future__ import annotations

from collections.abc import Sequence

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.attention import SelfAttention
from ovis_jax.models.deformable_attention import DeformableAttention
from ovis_jax.models.layers import Perceptron, layer_norm
from ovis_jax.ops.dropout import dropout, split_keys
from ovis_jax.ops.level_geometry import LevelGeometry, join_levels, level_geometry

FIRST_STRIDE = 8  # pixels from cell to cell of the first level
LEAST_SHARE = 1e-5  # of the side of a frame, of `inverse_sigmoid`
SMALL_BOX = -2.0  # logit of the sides that boxes begin with
xavier = nn.initializers.xavier_uniform()


class FeedForward(nn.Module):
    """Two linear layers with ReLU between them, a shortcut and a norm.

    Attributes:
      hidden: channels of the first.
      dtype: of the computation.
      dropout: rate in training, behind both layers.
    """

    hidden: int = 1024
    dtype: str = "float32"
    dropout: float = 0.0

    @nn.compact
    def __call__(self, x: jax.Array, keys: jax.Array | None = None) -> jax.Array:
        """Maps [B, ..., C] to [B, ..., C]; `keys` [B] are those of dropout, None: without."""
        of_hidden, of_output = split_keys(keys, 2)
        y = nn.relu(nn.Dense(self.hidden, kernel_init=xavier, dtype=self.dtype, name="expand")(x))
        y = dropout(y, of_hidden, self.dropout)
        y = nn.Dense(x.shape[-1], kernel_init=xavier, dtype=self.dtype, name="reduce")(y)
        return layer_norm(self.dtype, name="norm")(x + dropout(y, of_output, self.dropout))


class EncoderLayer(nn.Module):
    """The cells of all levels look around. Attributes: see `DeformableTransformer`."""

    num_heads: int
    num_points: int
    feedforward: int
    dtype: str
    dropout: float

    @nn.compact
    def __call__(
        self,
        cells: jax.Array,
        codes: jax.Array,
        places: jax.Array,
        geometry: LevelGeometry,
        keys: jax.Array | None = None,
    ) -> jax.Array:
        """Maps cells [B, N, C] with position codes [B, N, C] and places [B, N, L, 2]."""
        of_read, of_hidden = split_keys(keys, 2)
        look = DeformableAttention(self.num_heads, self.num_points, self.dtype, name="attention")
        read = look(cells + codes.astype(cells.dtype), places, cells, geometry)
        x = cells + dropout(read, of_read, self.dropout)
        x = layer_norm(self.dtype, name="attention_norm")(x)
        hidden = FeedForward(self.feedforward, self.dtype, self.dropout, name="feedforward")
        return hidden(x, of_hidden)


class DecoderLayer(nn.Module):
    """Queries look at each other, then at the frame. Attributes: see `DeformableTransformer`."""

    num_heads: int
    num_points: int
    feedforward: int
    dtype: str
    dropout: float

    @nn.compact
    def __call__(
        self,
        queries: jax.Array,
        codes: jax.Array,
        places: jax.Array,
        cells: jax.Array,
        geometry: LevelGeometry,
        keys: jax.Array | None = None,
    ) -> jax.Array:
        """Maps queries [B, Q, C] with codes [B, Q, C] and places [B, Q, L, 2 or 4]."""
        of_queries, of_read, of_hidden = split_keys(keys, 3)
        mix = SelfAttention(self.num_heads, self.dtype, self.dropout, name="self_attention")
        x = mix(queries, codes, of_queries)
        x = layer_norm(self.dtype, name="self_attention_norm")(x)
        look = DeformableAttention(self.num_heads, self.num_points, self.dtype, name="attention")
        read = look(x + codes, places, cells, geometry)
        x = layer_norm(self.dtype, name="attention_norm")(x + dropout(read, of_read, self.dropout))
        hidden = FeedForward(self.feedforward, self.dtype, self.dropout, name="feedforward")
        return hidden(x, of_hidden)


@flax.struct.dataclass
class DecodedQueries:
    """The queries of frames after each of S layers of the decoder.

    Attributes:
      features: [S, B, Q, C].
      places: [S, B, Q, 2] as (x, y), where the layer began to look: the learned point in the first,
        then the centre of the box before. Shares of the frame without padding.
      boxes: [S, B, Q, 4] float32 as (x, y, width, height), shares of the frame.
    """

    features: jax.Array
    places: jax.Array
    boxes: jax.Array


class DeformableTransformer(nn.Module):
    """Encoder and decoder with iterative refinement of boxes.

    Attributes:
      num_queries: of a frame.
      channels: of cells and queries; position codes want a multiple of 4.
      num_layers: of the encoder and of the decoder.
      num_levels: of the pyramid.
      num_heads: of attention.
      num_points: that a head reads on each level.
      feedforward: channels of hidden layers.
      dropout: rate in training, of what attention reads, its weights among queries, and the outputs
        of linear layers between them.
      dtype: of the computation; places and boxes are float32.
      rematerialise: keep only what enters each layer and compute the rest again in the backward
        pass.
    """

    num_queries: int = 300
    channels: int = 256
    num_layers: int = 6
    num_levels: int = 4
    num_heads: int = 8
    num_points: int = 4
    feedforward: int = 1024
    dropout: float = 0.0
    dtype: str = "float32"
    rematerialise: bool = False

    def setup(self):
        """Makes layers, learned queries and the box predictors."""
        normal = nn.initializers.normal(1.0)
        self.level_codes = self.param("level_codes", normal, (self.num_levels, self.channels))
        self.queries = self.param("queries", normal, (self.num_queries, 2 * self.channels))
        self.first_places = nn.Dense(2, kernel_init=xavier, dtype="float32")
        settings = (self.num_heads, self.num_points, self.feedforward, self.dtype, self.dropout)
        encoder, decoder = EncoderLayer, DecoderLayer
        if self.rematerialise:
            encoder, decoder = nn.remat(encoder), nn.remat(decoder)
        self.encoder = [encoder(*settings) for _ in range(self.num_layers)]
        self.decoder = [decoder(*settings) for _ in range(self.num_layers)]
        widths = (self.channels, self.channels, 4)
        zeros = nn.initializers.zeros
        small = nn.initializers.constant(jnp.array([0, 0, SMALL_BOX, SMALL_BOX]))
        self.boxes = [
            Perceptron(widths, zeros, zeros if i else small, self.dtype)
            for i in range(self.num_layers)
        ]

    def __call__(
        self, levels: Sequence[jax.Array], image_size: jax.Array, keys: jax.Array | None = None
    ) -> tuple[DecodedQueries, list[jax.Array]]:
        """Decoded queries, and the levels [B, h, w, C] as the encoder leaves them.

        Args:
          levels: maps [B, h, w, C] of strides 8, 16, 32, ... of a canvas that is a multiple of 32.
          image_size: [B, 2], (height, width) of the frames without padding.
          keys: [B], of dropout; None: nothing is dropped.
        """
        geometry = self.geometry(levels, image_size)
        of_encoder, of_decoder = split_keys(keys, 2)
        cells = self.encode(levels, geometry, of_encoder)
        return self.decode(cells, geometry, of_decoder), geometry.split(cells)

    def geometry(self, levels: Sequence[jax.Array], image_size: jax.Array) -> LevelGeometry:
        """How the levels lie on frames of sizes [B, 2] (height, width)."""
        height, width = levels[0].shape[1:3]
        canvas = (FIRST_STRIDE * height, FIRST_STRIDE * width)
        return level_geometry([x.shape[1:3] for x in levels], canvas, image_size)

    def encode(
        self,
        levels: Sequence[jax.Array],
        geometry: LevelGeometry,
        keys: jax.Array | None = None,
    ) -> jax.Array:
        """Cells [B, N, C] of all levels after the encoder."""
        codes = geometry.position_codes(self.channels)
        codes = join_levels([x + own for x, own in zip(codes, self.level_codes, strict=True)])
        places = geometry.places()[:, :, None] * geometry.ratios[:, None]
        cells = join_levels(levels).astype(self.dtype)
        for layer, own in zip(self.encoder, split_keys(keys, self.num_layers), strict=True):
            cells = layer(cells, codes, places, geometry, own)
        return cells

    def decode(
        self, cells: jax.Array, geometry: LevelGeometry, keys: jax.Array | None = None
    ) -> DecodedQueries:
        """What the learned queries become on cells [B, N, C].

        No gradient passes from a layer's boxes to the next layer.
        """
        codes, queries = jnp.split(self.queries, 2, axis=-1)
        shape = (len(cells), self.num_queries, self.channels)
        places = jax.nn.sigmoid(self.first_places(codes))
        places = jnp.broadcast_to(places, (*shape[:2], 2))
        queries, codes = (jnp.broadcast_to(x, shape).astype(self.dtype) for x in (queries, codes))
        found, of_layers = [], split_keys(keys, self.num_layers)
        for layer, predict, own in zip(self.decoder, self.boxes, of_layers, strict=True):
            ratios = jnp.tile(geometry.ratios, places.shape[-1] // 2)[:, None]
            queries = layer(queries, codes, places[:, :, None] * ratios, cells, geometry, own)
            logits = inverse_sigmoid(places)
            logits = jnp.pad(logits, ((0, 0), (0, 0), (0, 4 - logits.shape[-1])))
            boxes = jax.nn.sigmoid(predict(queries) + logits)
            found.append(DecodedQueries(queries, places[..., :2], boxes))
            places = jax.lax.stop_gradient(boxes)
        return jax.tree.map(lambda *x: jnp.stack(x), *found)


def inverse_sigmoid(share: jax.Array) -> jax.Array:
    """Logits of shares, of which neither they nor their complements are less than a small one."""
    share = jnp.clip(share, 0, 1)
    return jnp.log(jnp.maximum(share, LEAST_SHARE) / jnp.maximum(1 - share, LEAST_SHARE))
