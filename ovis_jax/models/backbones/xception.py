"""Xception-65: frames to the two maps that DeepLabv3+ reads.

Source: Chollet 2017, Xception; Chen et al. 2018, Encoder-Decoder with Atrous Separable Convolution;
the published code of DeepLab. A map stays at `output_stride`: where a block would halve it further,
what follows is dilated.
"""

import dataclasses
import functools

import jax
from flax import linen as nn

from ovis_jax.models.backbones.stems import checked_frames
from ovis_jax.models.layers import ConvNorm
from ovis_jax.models.separable_conv import SeparableConvNorm

PUBLISHED_WIDTH = 64
OUTPUT_STRIDES = (8, 16)
NORM = "frozen_batch_3"
LOW_BLOCK = "entry_block2"
"""The block whose second convolution gives the finer of the two maps."""


@dataclasses.dataclass(frozen=True)
class BlockShape:
    """What the units of a block have in common.

    Attributes:
      name: of the block.
      channels: of its three separable convolutions, in the published width.
      shortcut: "conv", "sum" or "none".
      stride: of the last convolution of the last unit.
      units: how many; 0: as many as the network says.
      activation: ReLU stands inside the separable convolutions instead of before them.
    """

    name: str
    channels: tuple[int, int, int]
    shortcut: str
    stride: int = 1
    units: int = 1
    activation: bool = False


BLOCKS = (
    BlockShape("entry_block1", (128, 128, 128), "conv", stride=2),
    BlockShape(LOW_BLOCK, (256, 256, 256), "conv", stride=2),
    BlockShape("entry_block3", (728, 728, 728), "conv", stride=2),
    BlockShape("middle", (728, 728, 728), "sum", units=0),
    BlockShape("exit_block1", (728, 1024, 1024), "conv", stride=2),
    BlockShape("exit_block2", (1536, 1536, 2048), "none", activation=True),
)


class XceptionUnit(nn.Module):
    """Three separable convolutions and a shortcut.

    Attributes:
      channels: of each of them.
      shortcut: "conv", "sum" or "none".
      stride: of the last one.
      dilation: of all.
      activation: see `BlockShape`.
      dtype: of the computation.
    """

    channels: tuple[int, int, int]
    shortcut: str
    stride: int = 1
    dilation: int = 1
    activation: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Maps [B, H, W, C] to [B, H / stride, W / stride, C3]; and the second convolution's map.

        That is [B, H, W, C2], behind its norm and before any ReLU of the next.
        """
        y, found = x, []
        for i, channels in enumerate(self.channels):
            conv = SeparableConvNorm(
                channels,
                NORM,
                self.activation,
                stride=self.stride if i == 2 else 1,
                dilation=self.dilation,
                dtype=self.dtype,
                name=f"conv{i + 1}",
            )
            y = conv(y if self.activation else nn.relu(y))
            found.append(y)
        if self.shortcut == "conv":
            conv = ConvNorm(self.channels[-1], 1, self.stride, NORM, self.dtype, name="shortcut")
            y = y + conv(x)
        elif self.shortcut == "sum":
            y = y + x
        return y, found[1]


class Xception(nn.Module):
    """Xception-65 without its classifier, norms frozen.

    Attributes:
      width: 64 in the published network; another one scales all channels, rounded down.
      output_stride: of the coarser map, 8 or 16.
      middle_units: of the middle flow, 16 in the published network.
      dtype: of the computation.
      rematerialise: keep only what enters each unit and compute the rest again in the backward
        pass.
    """

    width: int = PUBLISHED_WIDTH
    output_stride: int = 16
    middle_units: int = 16
    dtype: str = "float32"
    rematerialise: bool = False

    @nn.compact
    def __call__(self, images: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Maps frames [B, H, W, 3] to [B, H / 4, W / 4, 256] and [B, H / s, W / s, 2048].

        Args:
          images: in [-1, 1].

        Raises:
          ValueError: there is no such output stride, or a side is not a multiple of 32.
        """
        if self.output_stride not in OUTPUT_STRIDES:
            raise ValueError(
                f"output_stride is {self.output_stride}; expected one of {OUTPUT_STRIDES}"
            )
        unit = nn.remat(XceptionUnit) if self.rematerialise else XceptionUnit
        conv = functools.partial(ConvNorm, norm=NORM, dtype=self.dtype)
        x = checked_frames(images).astype(self.dtype)
        x = nn.relu(conv(self._scaled(32), 3, 2, name="stem1")(x))
        x = nn.relu(conv(self._scaled(64), 3, 1, name="stem2")(x))
        total, dilation, low = 2, 1, x
        for block in BLOCKS:
            for i in range(block.units or self.middle_units):
                stride = block.stride if total < self.output_stride else 1
                x, second = unit(
                    tuple(map(self._scaled, block.channels)),
                    block.shortcut,
                    stride,
                    dilation,
                    block.activation,
                    self.dtype,
                    name=f"{block.name}_{i}",
                )(x)
                total, dilation = total * stride, dilation * block.stride // stride
            low = second if block.name == LOW_BLOCK else low
        return low, x

    def _scaled(self, channels: int) -> int:
        return max(channels * self.width // PUBLISHED_WIDTH, 1)
