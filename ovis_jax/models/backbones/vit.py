"""Vision transformer whose last blocks are run apart, on further tokens.

Source: Dosovitskiy et al. 2021; registers and scales of branches as DINOv2 (Oquab et al. 2024),
rotary positions as DINOv3 (Simeoni et al. 2025).
"""

from __future__ import annotations

import math

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.layers import layer_norm
from ovis_jax.ops.attention import Rotation, attention, patch_rotation
from ovis_jax.ops.gelu import gelu
from ovis_jax.ops.resize import resample_grid

_FEW = nn.initializers.truncated_normal(0.02)
HIDDEN_MULTIPLE = 8  # of the width of a gated feed-forward layer


@flax.struct.dataclass
class FrameTokens:
    """Tokens of frames.

    Attributes:
      first: [B, 1 + R, D], class token and registers.
      patches: [B, h, w, D].
    """

    first: jax.Array
    patches: jax.Array


class VisionTransformer(nn.Module):
    """Frames to tokens, by all blocks but the last ones, which whoever holds it runs himself.

    Attributes:
      width: D, of a token.
      depth: blocks.
      heads: of each attention.
      query_blocks: how many of the blocks, the last ones, `__call__` leaves out.
      patch: side of a patch in pixels.
      registers: R, tokens beside the class token that stand for nothing.
      table_side: rows and columns of the table of positions, which is resampled to grids of other
        sizes; 0: there is none, queries and keys of patches are rotated by their places.
      norm_epsilon: of all norms.
      key_bias: keys have a bias.
      gated: feed-forward layers are gated (SwiGLU).
      scale_init: what the scales of the branches begin with.
      dtype: of the computation; parameters, norms and scales are float32.
      rematerialise: blocks keep only their inputs for the backward pass.
    """

    width: int = 1024
    depth: int = 24
    heads: int = 16
    query_blocks: int = 4
    patch: int = 16
    registers: int = 4
    table_side: int = 40
    norm_epsilon: float = 1e-6
    key_bias: bool = True
    gated: bool = False
    scale_init: float = 1.0
    dtype: str = "float32"
    rematerialise: bool = False

    def setup(self):
        """Makes the blocks, all of them."""
        if not 0 < self.query_blocks < self.depth:
            raise ValueError(f"query_blocks is {self.query_blocks}; expected 1 to {self.depth - 1}")
        if self.width % self.heads:
            raise ValueError(f"width is {self.width}; expected a multiple of {self.heads} heads")
        side = self.patch
        self.patch_embedding = nn.Conv(
            self.width, (side, side), strides=side, padding="VALID", dtype=self.dtype
        )
        self.class_token = self.param("class_token", _FEW, (1, self.width))
        self.register_tokens = self.param("register_tokens", _FEW, (self.registers, self.width))
        if self.table_side:
            self.positions = self.param("positions", _FEW, (self.table_side**2, self.width))
        block = nn.remat(Block) if self.rematerialise else Block
        self.blocks = [
            block(
                self.heads,
                self.norm_epsilon,
                self.key_bias,
                self.gated,
                self.scale_init,
                self.dtype,
            )
            for _ in range(self.depth)
        ]
        self.norm = layer_norm(self.dtype, epsilon=self.norm_epsilon)

    def __call__(self, frames: jax.Array) -> FrameTokens:
        """Tokens of normalised frames [B, H, W, 3], sides multiples of the patch."""
        tokens, grid = self.embed(frames), self.grid(frames)
        for number in range(self.depth - self.query_blocks):
            tokens = self.block(number, tokens, grid)
        first = 1 + self.registers
        patches = tokens[:, first:].reshape(len(frames), *grid, self.width)
        return FrameTokens(tokens[:, :first], patches)

    def grid(self, frames: jax.Array) -> tuple[int, int]:
        """Rows and columns of patches."""
        rows, columns = frames.shape[1] // self.patch, frames.shape[2] // self.patch
        if frames.shape[1:3] != (rows * self.patch, columns * self.patch):
            raise ValueError(
                f"frames of {frames.shape[1:3]} pixels; expected multiples of {self.patch}"
            )
        return rows, columns

    def embed(self, frames: jax.Array) -> jax.Array:
        """Class token, registers and patches [B, 1 + R + h * w, D] before the first block."""
        patches = self.patch_embedding(frames.astype(self.dtype))
        if self.table_side:
            patches = patches + self.positions_on(patches.shape[1:3]).astype(self.dtype)
        first = jnp.concatenate([self.class_token, self.register_tokens]).astype(self.dtype)
        first = jnp.broadcast_to(first, (len(patches), *first.shape))
        flat = patches.reshape(len(patches), -1, self.width)
        return jnp.concatenate([first, flat], axis=1)

    def positions_on(self, grid: tuple[int, int]) -> jax.Array:
        """The table of positions on a grid, [h, w, D] float32."""
        side = self.table_side
        return resample_grid(self.positions.reshape(side, side, self.width), *grid)

    def block(self, number: int, tokens: jax.Array, grid: tuple[int, int]) -> jax.Array:
        """One block, on tokens [B, N, D] of which the last h * w are the patches of a grid."""
        rotation = None
        if not self.table_side:
            rotation = patch_rotation(*grid, self.width // self.heads)
        return self.blocks[number](tokens, rotation)


class Block(nn.Module):
    """Attention and feed-forward layer, each on normalised tokens and added with a scale.

    Attributes as those of `VisionTransformer`.
    """

    heads: int
    norm_epsilon: float = 1e-6
    key_bias: bool = True
    gated: bool = False
    scale_init: float = 1.0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, tokens: jax.Array, rotation: Rotation | None) -> jax.Array:
        """Maps tokens [B, N, D]; the last ones are rotated."""

        def scaled(name: str, change: jax.Array) -> jax.Array:
            start = nn.initializers.constant(self.scale_init)
            return change * self.param(name, start, change.shape[-1:]).astype(self.dtype)

        mix = Attention(self.heads, self.key_bias, self.dtype, name="attention")
        normed = layer_norm(self.dtype, self.norm_epsilon, "norm1")(tokens)
        tokens = tokens + scaled("scale1", mix(normed, rotation))
        normed = layer_norm(self.dtype, self.norm_epsilon, "norm2")(tokens)
        mlp = FeedForward(self.gated, self.dtype, name="mlp")
        return tokens + scaled("scale2", mlp(normed))


class Attention(nn.Module):
    """Self-attention with as many numbers out as in."""

    heads: int
    key_bias: bool = True
    dtype: str = "float32"

    @nn.compact
    def __call__(self, tokens: jax.Array, rotation: Rotation | None = None) -> jax.Array:
        """Maps tokens [B, N, D]; queries and keys of the last ones are rotated."""
        width = tokens.shape[-1]

        def project(name: str, use_bias: bool = True) -> jax.Array:
            x = nn.Dense(width, use_bias=use_bias, dtype=self.dtype, name=name)(tokens)
            return x.reshape(*x.shape[:-1], self.heads, -1)

        mixed = attention(
            project("query"), project("key", self.key_bias), project("value"), rotation
        )
        return nn.Dense(width, dtype=self.dtype, name="out")(mixed.reshape(tokens.shape))


class FeedForward(nn.Module):
    """Four times as wide inside, with exact GELU; or gated by SiLU and two thirds of that."""

    gated: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [..., D] to [..., D]."""
        width = x.shape[-1]
        hidden = 4 * width
        if self.gated:
            hidden = HIDDEN_MULTIPLE * math.ceil(hidden * 2 // 3 / HIDDEN_MULTIPLE)
            gate = nn.silu(nn.Dense(hidden, dtype=self.dtype, name="gate")(x))
            inner = gate * nn.Dense(hidden, dtype=self.dtype, name="up")(x)
        else:
            inner = gelu(nn.Dense(hidden, dtype=self.dtype, name="up")(x))
        return nn.Dense(width, dtype=self.dtype, name="down")(inner)
