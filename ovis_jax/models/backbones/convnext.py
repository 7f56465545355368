"""ConvNeXt: frames to C2...C5. Source: Liu et al. 2022, "A ConvNet for the 2020s"."""

import functools

import jax
from flax import linen as nn

from ovis_jax.models.backbones.stems import (
    PatchStem,
    checked_frames,
    patch_conv,
    truncated_normal,
)
from ovis_jax.models.layers import DepthwiseConv, layer_norm
from ovis_jax.ops.gelu import gelu

KERNEL = 7
MLP_EXPANSION = 4
NORM_EPSILON = 1e-6
INITIAL_SCALE = 1e-6


class ConvNeXtBlock(nn.Module):
    """A 7x7 convolution of each channel, a norm, a perceptron, a scale, and a shortcut."""

    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to the same shape."""
        dense = functools.partial(nn.Dense, kernel_init=truncated_normal, dtype=self.dtype)
        channels = x.shape[-1]
        y = DepthwiseConv(self.dtype, KERNEL, True, truncated_normal, name="conv")(x)
        y = layer_norm(self.dtype, NORM_EPSILON, name="norm")(y)
        y = gelu(dense(MLP_EXPANSION * channels, name="expand")(y))
        y = dense(channels, name="reduce")(y)
        scale = self.param("scale", nn.initializers.constant(INITIAL_SCALE), (channels,))
        return x + y * scale.astype(self.dtype)


class ConvNeXtStage(nn.Module):
    """Blocks of one resolution; all stages but the first begin with a norm and a 2x2 convolution.

    Attributes:
      blocks: how many.
      channels: of the output.
      halve: the map first, by the convolution.
      dtype: of the computation.
      rematerialise: see `ConvNeXt`.
    """

    blocks: int
    channels: int
    halve: bool
    dtype: str
    rematerialise: bool

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C'] to [B, H, W, channels] or [B, H / 2, W / 2, channels]."""
        if self.halve:
            x = layer_norm(self.dtype, NORM_EPSILON, name="halve_norm")(x)
            x = patch_conv(self.channels, 2, self.dtype, name="halve")(x)
        block = nn.remat(ConvNeXtBlock) if self.rematerialise else ConvNeXtBlock
        for i in range(self.blocks):
            x = block(self.dtype, name=f"block{i}")(x)
        return x


class ConvNeXt(nn.Module):
    """ConvNeXt without its classifier, each output behind a norm of its own.

    Attributes:
      channels: of the first stage.
      blocks: of each stage.
      output_norm: outputs are normalised, as detectors want them; False: as the next stage reads
        them.
      frozen_stages: the stem and the first so many stages pass no gradient; -1 for none, 0 for the
        stem.
      dtype: of the computation.
      rematerialise: keep only what enters each block and compute the rest again in the backward
        pass.
    """

    channels: int = 96
    blocks: tuple[int, ...] = (3, 3, 9, 3)
    output_norm: bool = True
    frozen_stages: int = -1
    dtype: str = "float32"
    rematerialise: bool = False

    @nn.compact
    def __call__(self, images: jax.Array, training: bool | None = None) -> tuple[jax.Array, ...]:
        """Maps frames [B, H, W, 3] to C2...C5, [B, H / 4, W / 4, C] ... [B, H / 32, W / 32, 8C].

        Args:
          images: normalised.
          training: means nothing here, and is there since other backbones ask for it.

        Raises:
          ValueError: a side is not a multiple of 32.
        """
        del training
        x = checked_frames(images).astype(self.dtype)
        x = PatchStem(self.channels, NORM_EPSILON, self.dtype, name="stem")(x)
        if self.frozen_stages >= 0:
            x = jax.lax.stop_gradient(x)
        outputs = []
        for i, blocks in enumerate(self.blocks):
            x = ConvNeXtStage(
                blocks=blocks,
                channels=self.channels * 2**i,
                halve=i > 0,
                dtype=self.dtype,
                rematerialise=self.rematerialise,
                name=f"stage{i + 1}",
            )(x)
            if i < self.frozen_stages:
                x = jax.lax.stop_gradient(x)
            norm = layer_norm(self.dtype, NORM_EPSILON, name=f"norm{i + 1}")
            outputs.append(norm(x) if self.output_norm else x)
        return tuple(outputs)
