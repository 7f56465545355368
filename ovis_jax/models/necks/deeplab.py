"""DeepLabv3+ behind its backbone: pyramid pooling with dilated convolutions, and the decoder.

Source: Chen et al. 2018, Encoder-Decoder with Atrous Separable Convolution, and the published code.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.layers import ConvNorm
from ovis_jax.models.separable_conv import SeparableConvNorm
from ovis_jax.ops.resize import resize_corners

NORM = "frozen_batch"
_RATES, _RATES_STRIDE = (6, 12, 18), 16


def pooling_rates(output_stride: int) -> tuple[int, int, int]:
    """The published dilations for maps of a stride: 6, 12, 18 at 16, twice as many at 8."""
    return tuple(rate * _RATES_STRIDE // output_stride for rate in _RATES)


class DeepLabDecoder(nn.Module):
    """Two maps of a backbone to one at the finer stride. Norms are frozen; nothing is dropped.

    Attributes:
      channels: of all convolutions but the one below.
      low_channels: of what is taken from the finer map.
      rates: dilations of the three separable convolutions.
      dtype: of the computation.
    """

    channels: int = 256
    low_channels: int = 48
    rates: tuple[int, int, int] = _RATES
    dtype: str = "float32"

    @nn.compact
    def __call__(self, maps: tuple[jax.Array, jax.Array]) -> jax.Array:
        """Maps [B, H, W, C] and [B, h, w, D] to [B, H, W, channels] float32.

        Maps are resized between corners. The mean over the coarser one is that of the canvas,
        padding included.
        """
        low, x = (y.astype(self.dtype) for y in maps)
        x = self._pyramid(x)
        low = self._mixed(low, self.low_channels, "low")
        x = jnp.concatenate([resize_corners(x, *low.shape[1:3]), low], axis=-1)
        for i in range(2):
            x = self._separable(x, 1, f"decoder{i}")
        return x.astype(jnp.float32)

    def _pyramid(self, x: jax.Array) -> jax.Array:
        """Maps [B, h, w, D] to [B, h, w, channels], which have seen the surroundings."""
        mean = jnp.mean(x, axis=(1, 2), keepdims=True, dtype=jnp.float32).astype(self.dtype)
        pooled = self._mixed(mean, self.channels, "pooling")
        branches = [jnp.broadcast_to(pooled, (*x.shape[:3], self.channels))]
        branches.append(self._mixed(x, self.channels, "aspp0"))
        for i, rate in enumerate(self.rates, start=1):
            branches.append(self._separable(x, rate, f"aspp{i}"))
        return self._mixed(jnp.concatenate(branches, axis=-1), self.channels, "projection")

    def _mixed(self, x: jax.Array, features: int, name: str) -> jax.Array:
        """A 1x1 convolution with norm and ReLU."""
        return nn.relu(ConvNorm(features, 1, 1, NORM, self.dtype, name=name)(x))

    def _separable(self, x: jax.Array, rate: int, name: str) -> jax.Array:
        """A separable convolution with norms and ReLU."""
        return SeparableConvNorm(
            self.channels, NORM, activation=True, dilation=rate, dtype=self.dtype, name=name
        )(x)
