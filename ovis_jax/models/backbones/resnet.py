"""ResNet and ResNeXt: frames to C2...C5."""

import functools
from collections.abc import Callable

import jax
from flax import linen as nn

from ovis_jax.models.backbones.stems import checked_frames
from ovis_jax.models.deformable import ModulatedConvNorm
from ovis_jax.models.layers import ConvNorm
from ovis_jax.ops import implementations

STAGE_BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
}
BOTTLENECK_DEPTHS = (50, 101)
BOTTLENECK_EXPANSION = 4
PUBLISHED_WIDTH = 64


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut. Source: ResNet, figure 5 left."""

    channels: int
    stride: int
    norm: str
    dtype: str

    @nn.compact
    def __call__(self, x: jax.Array, training: bool | None = None) -> jax.Array:
        """Maps [B, H, W, C] to [B, H / stride, W / stride, channels]; see `ConvNorm`."""
        norm = self.norm, self.dtype
        y = nn.relu(ConvNorm(self.channels, 3, self.stride, *norm, name="conv1")(x, training))
        y = ConvNorm(self.channels, 3, 1, *norm, name="conv2")(y, training)
        if x.shape != y.shape:
            x = ConvNorm(self.channels, 1, self.stride, *norm, name="shortcut")(x, training)
        return nn.relu(x + y)


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 and a shortcut; the stride is in the 3x3, or in the first 1x1.

    Attributes:
      channels: a quarter of those of the output.
      stride: in both axes.
      norm: of each convolution.
      dtype: of the computation.
      project: the shortcut is a convolution.
      stride_in_1x1: see `ResNet`.
      groups: of the 3x3 convolution.
      group_width: channels of a group where `channels` is 64; they grow with it. Without groups,
        the 3x3 convolution has `channels`.
      deformable: the 3x3 convolution is a deformable one, without groups.
    """

    channels: int
    stride: int
    norm: str
    dtype: str
    project: bool = False
    stride_in_1x1: bool = False
    groups: int = 1
    group_width: int = PUBLISHED_WIDTH
    deformable: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, training: bool | None = None) -> jax.Array:
        """Maps [B, H, W, C] to [B, H / stride, W / stride, 4 * channels]; see `ConvNorm`."""
        conv = functools.partial(ConvNorm, norm=self.norm, dtype=self.dtype)
        wide = BOTTLENECK_EXPANSION * self.channels
        inner = self.channels * self.group_width // PUBLISHED_WIDTH * self.groups
        first, second = (self.stride, 1) if self.stride_in_1x1 else (1, self.stride)
        y = nn.relu(conv(inner, 1, first, name="conv1")(x, training))
        if self.deformable:
            y = ModulatedConvNorm(inner, second, self.norm, self.dtype, name="conv2")(y)
        else:
            y = conv(inner, 3, second, groups=self.groups, name="conv2")(y, training)
        y = conv(wide, 1, 1, name="conv3")(nn.relu(y), training)
        if self.project:
            x = conv(wide, 1, self.stride, name="shortcut")(x, training)
        return nn.relu(x + y)


class Stage(nn.Module):
    """Residual blocks of one resolution; the first one carries the stride.

    Attributes:
      blocks: what makes each of them, of its stride and with its name.
      stride: of the first.
    """

    blocks: tuple[Callable[..., nn.Module], ...]
    stride: int

    @nn.compact
    def __call__(self, x: jax.Array, training: bool | None = None) -> jax.Array:
        """Maps [B, H, W, C] to [B, H / stride, W / stride, C']; see `ConvNorm`."""
        for i, block in enumerate(self.blocks):
            x = block(stride=self.stride if i == 0 else 1, name=f"block{i}")(x, training)
        return x


class ResNet(nn.Module):
    """ResNet, or ResNeXt if it has groups, without its classifier.

    Source: He et al. 2016, Xie et al. 2017.

    Attributes:
      depth: 18, 34, 50 or 101.
      width: channels of the first stage's 3x3 convolutions; 64 in the published networks.
      norm: "frozen_batch" for imported weights, "group" to train from scratch.
      frozen_stages: the stem and the first so many stages pass no gradient; -1 for none, 0 for the
        stem.
      stride_in_1x1: bottlenecks have their stride in the first 1x1 convolution, as the "caffe"
        weights want it; otherwise in the 3x3, as torchvision's do.
      groups: of the 3x3 convolutions of bottlenecks; 32 of ResNeXt-101 32x4d.
      group_width: channels of a group in the first stage, if `width` is 64; 4 of ResNeXt-101 32x4d.
      dtype: of the computation.
      rematerialise: keep only what enters each residual block and compute the rest again in the
        backward pass: less memory, more time, the same numbers.
      deformable_every: in the stages after the first, the first block and every so many-th one
        after it have a deformable 3x3 convolution (version 2); 0: none. Bottlenecks only.
    """

    depth: int = 50
    width: int = PUBLISHED_WIDTH
    norm: str = "frozen_batch"
    frozen_stages: int = -1
    stride_in_1x1: bool = False
    groups: int = 1
    group_width: int = PUBLISHED_WIDTH
    dtype: str = "float32"
    rematerialise: bool = False
    deformable_every: int = 0

    @nn.compact
    def __call__(self, images: jax.Array, training: bool | None = None) -> tuple[jax.Array, ...]:
        """Maps frames [B, H, W, 3] to C2...C5, [B, H / 4, W / 4, C] ... [B, H / 32, W / 32, 8C].

        Args:
          images: normalised.
          training: of a norm "batch"; see `ConvNorm`.

        Raises:
          ValueError: the depth is unknown, or has no groups or deformable blocks, or a side is not
            a multiple of 32.
        """
        self._check()
        x = checked_frames(images).astype(self.dtype)
        stem = ConvNorm(self.width, 7, 2, self.norm, self.dtype, name="stem")
        x = nn.relu(stem(x, training))
        x = implementations.max_pool()(x, 3, 2, 1)
        if self.frozen_stages >= 0:
            x = jax.lax.stop_gradient(x)
        outputs = []
        for i, num_blocks in enumerate(STAGE_BLOCKS[self.depth]):
            every = self.deformable_every if i else 0
            blocks = self._blocks(self.width * 2**i, num_blocks, every)
            x = Stage(blocks, 1 if i == 0 else 2, name=f"stage{i + 1}")(x, training)
            if i < self.frozen_stages:
                x = jax.lax.stop_gradient(x)
            outputs.append(x)
        return tuple(outputs)

    def _blocks(
        self, channels: int, num_blocks: int, deformable_every: int
    ) -> tuple[Callable[..., nn.Module], ...]:
        """What makes the blocks of a stage."""
        bottleneck = self.depth in BOTTLENECK_DEPTHS
        block = Bottleneck if bottleneck else BasicBlock
        block = nn.remat(block, static_argnums=(2,)) if self.rematerialise else block
        options = {"channels": channels, "norm": self.norm, "dtype": self.dtype}
        if not bottleneck:
            return (functools.partial(block, **options),) * num_blocks
        options |= {"stride_in_1x1": self.stride_in_1x1}
        options |= {"groups": self.groups, "group_width": self.group_width}
        deformable = [
            bool(deformable_every) and i % deformable_every == 0 for i in range(num_blocks)
        ]
        return tuple(
            functools.partial(block, **options, project=i == 0, deformable=own)
            for i, own in enumerate(deformable)
        )

    def _check(self) -> None:
        if self.depth not in STAGE_BLOCKS:
            raise ValueError(f"ResNet depth is {self.depth}; expected one of {list(STAGE_BLOCKS)}")
        if self.groups > 1 and self.depth not in BOTTLENECK_DEPTHS:
            raise ValueError(f"ResNet depth is {self.depth}; {BOTTLENECK_DEPTHS} have groups")
        if self.deformable_every and (self.depth not in BOTTLENECK_DEPTHS or self.groups > 1):
            raise ValueError(f"deformable_every needs a depth of {BOTTLENECK_DEPTHS} and no groups")
        if self.width * self.group_width < PUBLISHED_WIDTH:
            raise ValueError(
                f"ResNet width is {self.width}; groups of {self.group_width} channels at width "
                f"{PUBLISHED_WIDTH} need at least {PUBLISHED_WIDTH // self.group_width}"
            )
