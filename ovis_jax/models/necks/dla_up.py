"""Iterative deep aggregation: maps at strides 4 to 32 to one map at stride 4.

Source: Yu et al. 2018, Deep Layer Aggregation, figure 3, with the deformable convolutions of
CenterNet's published code.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn

from ovis_jax.models.deformable import ModulatedConvNorm
from ovis_jax.models.layers import normalised, torch_uniform
from ovis_jax.ops import implementations

FINEST = 3  # maps of the first aggregation that the second one reads


class Node(nn.Module):
    """A 3x3 convolution, a norm and ReLU.

    Attributes:
      features: output channels.
      deformable: the convolution is a modulated deformable one.
      norm: see `DLAUp`; likewise `group_rows` and `dtype`.
      group_rows: see `norm`.
      dtype: see `norm`.
    """

    features: int
    deformable: bool
    norm: str
    group_rows: int
    dtype: str

    @nn.compact
    def __call__(self, x: jax.Array, training: bool) -> jax.Array:
        """Maps [B, H, W, C] to [B, H, W, features]."""
        if self.deformable:
            x = ModulatedConvNorm(
                self.features, dtype=self.dtype, kernel_init=torch_uniform, name="conv"
            )(x)
        else:
            x = nn.Conv(self.features, (3, 3), dtype=self.dtype, name="conv")(x)
        return nn.relu(normalised(x, self.norm, training, self.dtype, self.group_rows))


class Upsample(nn.Module):
    """Transposed convolution of each channel for itself, which begins as bilinear enlarging."""

    factor: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, factor * H, factor * W, C]."""
        channels, side = x.shape[-1], 2 * self.factor
        kernel = self.param("kernel", _bilinear, (side, side, 1, channels)).astype(self.dtype)
        return implementations.transposed_convolution()(x.astype(self.dtype), kernel)


class DLAUp(nn.Module):
    """Two aggregations: every map with the finer ones, then the three finest that come of it.

    Attributes:
      deformable: convolutions are modulated deformable ones, as published; otherwise plain ones.
      norm: one of `layers.NORMS`.
      group_rows: of a norm "batch"; see `BatchNorm`.
      dtype: of the computation.
    """

    deformable: bool = True
    norm: str = "batch"
    group_rows: int = 0
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self, features: Sequence[jax.Array], training: bool = False
    ) -> tuple[jax.Array, ...]:
        """Maps [B, h, w, C], [B, h / 2, w / 2, 2C] ... to one map [B, h, w, C], alone in a tuple.

        Args:
          features: each half the size of the one before.
          training: of the norms; see `BatchNorm`.
        """
        levels, found = list(features), [features[-1]]
        for number in range(len(levels) - 1):
            start = len(levels) - 2 - number
            levels[start:] = self._aggregate(levels[start:], training, f"dla{number}", steps=True)
            found.insert(0, levels[-1])
        finest = self._aggregate(found[:FINEST], training, "ida", steps=False)[-1]
        return (finest.astype(jnp.float32),)

    def _aggregate(
        self, levels: list[jax.Array], training: bool, name: str, *, steps: bool
    ) -> list[jax.Array]:
        """Every level, enlarged to the first one, joined with the one before it.

        Args:
          levels: the first one has the channels and the size of the results.
          training: of the norms.
          name: of the layers.
          steps: all levels but the first have the same size.
        """
        channels, height = levels[0].shape[-1], levels[0].shape[1]
        node = (channels, self.deformable, self.norm, self.group_rows, self.dtype)
        joined = [levels[0]]
        for i, level in enumerate(levels[1:], start=1):
            x = Node(*node, name=f"{name}_project{i}")(level, training)
            factor = 2 if steps else height // level.shape[1]
            x = Upsample(factor, self.dtype, name=f"{name}_up{i}")(x)
            joined.append(Node(*node, name=f"{name}_node{i}")(x + joined[-1], training))
        return joined


def _bilinear(key: jax.Array, shape: tuple[int, ...], dtype=jnp.float32) -> jax.Array:
    """Kernels [2f, 2f, 1, C] that enlarge f times, bilinearly."""
    del key
    factor = shape[0] // 2
    row = 1 - np.abs(np.arange(shape[0]) - (shape[0] - 1) / 2) / factor
    kernel = np.outer(row, row)[..., None, None]
    return jnp.broadcast_to(jnp.asarray(kernel, dtype), shape)
