"""DLA-34: frames to maps at strides 4 to 32, by trees of residual blocks.

Source: Yu et al. 2018, Deep Layer Aggregation, as CenterNet's published code builds it.
"""

import dataclasses

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.layers import ConvNorm
from ovis_jax.ops import implementations


@dataclasses.dataclass(frozen=True)
class Layer:
    """How convolutions are normalised; see `ConvNorm`."""

    norm: str
    group_rows: int
    dtype: str

    def conv(self, features: int, kernel_size: int, stride: int, name: str) -> ConvNorm:
        """A convolution with its norm."""
        return ConvNorm(
            features, kernel_size, stride, self.norm, self.dtype, self.group_rows, name=name
        )


class BasicBlock(nn.Module):
    """Two 3x3 convolutions beside a shortcut that is handed in."""

    channels: int
    stride: int
    layer: Layer

    @nn.compact
    def __call__(self, x: jax.Array, shortcut: jax.Array, training: bool) -> jax.Array:
        """Maps [B, H, W, C] and a shortcut of the result's shape to [B, H / stride, ..., F]."""
        y = nn.relu(self.layer.conv(self.channels, 3, self.stride, "conv1")(x, training))
        y = self.layer.conv(self.channels, 3, 1, "conv2")(y, training)
        return nn.relu(y + shortcut)


class Tree(nn.Module):
    """Two subtrees, of which the second one's root joins all that was found on the way.

    Attributes:
      depth: 1: the subtrees are blocks.
      channels: of the result.
      stride: of the first block.
      layer: how convolutions are normalised.
    """

    depth: int
    channels: int
    stride: int
    layer: Layer

    @nn.compact
    def __call__(
        self, x: jax.Array, training: bool, found: tuple[jax.Array, ...] = ()
    ) -> jax.Array:
        """Maps [B, H, W, C] to [B, H / stride, W / stride, channels].

        Args:
          x: what the tree is grown on.
          training: of the norms; see `BatchNorm`.
          found: maps of the result's size that the root joins, too.
        """
        if self.depth > 1:
            first = Tree(self.depth - 1, self.channels, self.stride, self.layer, name="tree1")
            second = Tree(self.depth - 1, self.channels, 1, self.layer, name="tree2")
            x = first(x, training)
            return second(x, training, (*found, x))
        shortcut = halved(x) if self.stride > 1 else x
        if x.shape[-1] != self.channels:
            shortcut = self.layer.conv(self.channels, 1, 1, "project")(shortcut, training)
        first = BasicBlock(self.channels, self.stride, self.layer, name="tree1")(
            x, shortcut, training
        )
        second = BasicBlock(self.channels, 1, self.layer, name="tree2")(first, first, training)
        joined = jnp.concatenate([second, first, *found], axis=-1)
        return nn.relu(self.layer.conv(self.channels, 1, 1, "root")(joined, training))


class DLA(nn.Module):
    """DLA-34 without its classifier.

    Attributes:
      width: channels of the stem, of which every level has twice as many as the one before; 16 in
        the published network.
      norm: of all convolutions, one of `layers.NORMS`.
      group_rows: of a norm "batch"; see `BatchNorm`.
      dtype: of the computation.
    """

    width: int = 16
    norm: str = "batch"
    group_rows: int = 0
    dtype: str = "float32"

    @nn.compact
    def __call__(self, images: jax.Array, training: bool = False) -> tuple[jax.Array, ...]:
        """Maps frames [B, H, W, 3] to [B, H / 4, W / 4, 4 width] ... [B, H / 32, ..., 32 width].

        Args:
          images: normalised; both sides are multiples of 32.
          training: of the norms; see `BatchNorm`.

        Raises:
          ValueError: a side is not a multiple of 32.
        """
        if images.shape[-3] % 32 or images.shape[-2] % 32:
            raise ValueError(f"frame sides must be multiples of 32, got {images.shape[-3:-1]}")
        layer = Layer(self.norm, self.group_rows, self.dtype)
        x = images.astype(self.dtype)
        stem = ((7, 1, 1, "stem"), (3, 1, 1, "level0"), (3, 2, 2, "level1"))
        for kernel_size, stride, times, name in stem:
            conv = layer.conv(times * self.width, kernel_size, stride, name)
            x = nn.relu(conv(x, training))
        outputs = []
        for level, depth in ((2, 1), (3, 2), (4, 2), (5, 1)):
            found = (halved(x),) if level > 2 else ()
            x = Tree(depth, self.width << level, 2, layer, name=f"level{level}")(x, training, found)
            outputs.append(x)
        return tuple(outputs)


def halved(x: jax.Array) -> jax.Array:
    """Largest of each 2x2 cells: [B, H, W, C] to [B, H / 2, W / 2, C]."""
    return implementations.max_pool()(x, 2, 2, 0)
