"""ResNet: frames to C2...C5."""

import jax
from flax import linen as nn

from ovis_jax.models.layers import ConvNorm

STAGE_BLOCKS = {
    18: (2, 2, 2, 2),
    34: (3, 4, 6, 3),
    50: (3, 4, 6, 3),
    101: (3, 4, 23, 3),
}
BOTTLENECK_DEPTHS = (50, 101)
BOTTLENECK_EXPANSION = 4


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
    """1x1, 3x3, 1x1 and a shortcut; the stride is in the 3x3, or in the first 1x1."""

    channels: int
    stride: int
    norm: str
    dtype: str
    project: bool = False
    stride_in_1x1: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, training: bool | None = None) -> jax.Array:
        """Maps [B, H, W, C] to [B, H / stride, W / stride, 4 * channels]; see `ConvNorm`."""
        wide, norm = BOTTLENECK_EXPANSION * self.channels, (self.norm, self.dtype)
        first, second = (self.stride, 1) if self.stride_in_1x1 else (1, self.stride)
        y = nn.relu(ConvNorm(self.channels, 1, first, *norm, name="conv1")(x, training))
        y = nn.relu(ConvNorm(self.channels, 3, second, *norm, name="conv2")(y, training))
        y = ConvNorm(wide, 1, 1, *norm, name="conv3")(y, training)
        if self.project:
            x = ConvNorm(wide, 1, self.stride, *norm, name="shortcut")(x, training)
        return nn.relu(x + y)


class Stage(nn.Module):
    """Residual blocks of one resolution; the first one carries the stride."""

    depth: int
    num_blocks: int
    channels: int
    stride: int
    norm: str
    dtype: str
    stride_in_1x1: bool
    rematerialise: bool

    @nn.compact
    def __call__(self, x: jax.Array, training: bool | None = None) -> jax.Array:
        """Maps [B, H, W, C] to [B, H / stride, W / stride, C']; see `ConvNorm`."""
        bottleneck = self.depth in BOTTLENECK_DEPTHS
        block = Bottleneck if bottleneck else BasicBlock
        block = nn.remat(block, static_argnums=(2,)) if self.rematerialise else block
        for i in range(self.num_blocks):
            options = {"project": i == 0, "stride_in_1x1": self.stride_in_1x1} if bottleneck else {}
            stride = self.stride if i == 0 else 1
            shape = (self.channels, stride, self.norm, self.dtype)
            x = block(*shape, **options, name=f"block{i}")(x, training)
        return x


class ResNet(nn.Module):
    """ResNet without its classifier. Source: He et al. 2016.

    Attributes:
      depth: 18, 34, 50 or 101.
      width: channels of the first stage's 3x3 convolutions; 64 in the published networks.
      norm: "frozen_batch" for imported weights, "group" to train from scratch.
      frozen_stages: the stem and the first so many stages pass no gradient; -1 for none, 0 for the
        stem.
      stride_in_1x1: bottlenecks have their stride in the first 1x1 convolution, as the "caffe"
        weights want it; otherwise in the 3x3, as torchvision's do.
      dtype: of the computation.
      rematerialise: keep only what enters each residual block and compute the rest again in the
        backward pass: less memory, more time, the same numbers.
    """

    depth: int = 50
    width: int = 64
    norm: str = "frozen_batch"
    frozen_stages: int = -1
    stride_in_1x1: bool = False
    dtype: str = "float32"
    rematerialise: bool = False

    @nn.compact
    def __call__(self, images: jax.Array, training: bool | None = None) -> tuple[jax.Array, ...]:
        """Maps frames [B, H, W, 3] to C2...C5, [B, H / 4, W / 4, C] ... [B, H / 32, W / 32, 8C].

        Args:
          images: normalised.
          training: of a norm "batch"; see `ConvNorm`.

        Raises:
          ValueError: the depth is unknown, or a side is not a multiple of 32.
        """
        if self.depth not in STAGE_BLOCKS:
            raise ValueError(f"ResNet depth is {self.depth}; expected one of {list(STAGE_BLOCKS)}")
        if images.shape[-3] % 32 or images.shape[-2] % 32:
            raise ValueError(f"frame sides must be multiples of 32, got {images.shape[-3:-1]}")
        x = images.astype(self.dtype)
        stem = ConvNorm(self.width, 7, 2, self.norm, self.dtype, name="stem")
        x = nn.relu(stem(x, training))
        x = nn.max_pool(x, (3, 3), (2, 2), padding=((1, 1), (1, 1)))
        if self.frozen_stages >= 0:
            x = jax.lax.stop_gradient(x)
        outputs = []
        for i, num_blocks in enumerate(STAGE_BLOCKS[self.depth]):
            x = Stage(
                depth=self.depth,
                num_blocks=num_blocks,
                channels=self.width * 2**i,
                stride=1 if i == 0 else 2,
                norm=self.norm,
                dtype=self.dtype,
                stride_in_1x1=self.stride_in_1x1,
                rematerialise=self.rematerialise,
                name=f"stage{i + 1}",
            )(x, training)
            if i < self.frozen_stages:
                x = jax.lax.stop_gradient(x)
            outputs.append(x)
        return tuple(outputs)
