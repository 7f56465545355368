"""Separable convolutions with norms: what Xception and DeepLabv3+ are made of."""

import jax
from flax import linen as nn

from ovis_jax.models.layers import ConvNorm, DepthwiseConv, normalised


class DepthwiseNorm(nn.Module):
    """A 3x3 convolution of each channel for itself, and a norm.

    Attributes:
      norm: see `ConvNorm`.
      stride: in both axes.
      dilation: cells of the map from one cell of the kernel to the next.
      dtype: of the computation.
    """

    norm: str
    stride: int
    dilation: int
    dtype: str

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, H / stride, W / stride, C], rounded up."""
        x = DepthwiseConv(self.dtype, stride=self.stride, dilation=self.dilation, name="conv")(x)
        return normalised(x, self.norm, None, self.dtype)


class SeparableConvNorm(nn.Module):
    """A depthwise 3x3 and a pointwise convolution, each with a norm.

    Attributes:
      features: output channels.
      norm: of both; see `ConvNorm`.
      activation: ReLU follows each norm.
      stride: of the depthwise one.
      dilation: likewise.
      dtype: of the computation.
    """

    features: int
    norm: str = "frozen_batch"
    activation: bool = False
    stride: int = 1
    dilation: int = 1
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, H / stride, W / stride, features], rounded up."""
        size = self.stride, self.dilation
        x = DepthwiseNorm(self.norm, *size, self.dtype, name="depthwise")(x)
        x = nn.relu(x) if self.activation else x
        x = ConvNorm(self.features, 1, 1, self.norm, self.dtype, name="pointwise")(x)
        return nn.relu(x) if self.activation else x
