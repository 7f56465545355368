"""Layers with deformable convolutions."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.layers import FrozenBatchNorm, check_norm, group_norm, kaiming_normal
from ovis_jax.ops.deform_conv import deform_conv

DEFORM_KERNEL = 3


class DeformConv(nn.Module):
    """Deformable convolution.

    Attributes:
      kernel_init: of its kernel.
      dtype: of the computation; offsets keep theirs.
      features: output channels; 0: as many as come in.
      sides: (height, width) of the kernel, odd.
      use_bias: adds a bias.
    """

    kernel_init: nn.initializers.Initializer
    dtype: str = "float32"
    features: int = 0
    sides: tuple[int, int] = (DEFORM_KERNEL, DEFORM_KERNEL)
    use_bias: bool = False

    @nn.compact
    def __call__(
        self,
        features: jax.Array,
        offsets: jax.Array,
        modulation: jax.Array | None = None,
        stride: int = 1,
    ) -> jax.Array:
        """Maps features [B, H, W, C] to [B, h, w, features]; offsets as `deform_conv`."""
        channels = features.shape[-1]
        shape = (*self.sides, channels, self.features or channels)
        kernel = self.param("kernel", self.kernel_init, shape).astype(self.dtype)
        x = deform_conv(features.astype(self.dtype), offsets, kernel, modulation, stride=stride)
        if self.use_bias:
            x = x + self.param("bias", nn.initializers.zeros, shape[-1:]).astype(self.dtype)
        return x


class ModulatedConvNorm(nn.Module):
    """Deformable 3x3 convolution with bias, whose taps are moved and weighted, then a norm.

    Offsets and weights of the taps are read from the features by an ordinary convolution, which
    begins with zeros: taps in their places, of weight one half. Source: Zhu et al. 2019, deformable
    convolution version 2.

    Attributes:
      features: output channels.
      stride: in both axes.
      norm: one of `NORMS` but "batch".
      dtype: of the computation; offsets are float32.
      kernel_init: of the kernel.
    """

    features: int
    stride: int = 1
    norm: str = "none"
    dtype: str = "float32"
    kernel_init: nn.initializers.Initializer = kaiming_normal

    def setup(self):
        """Makes what reads offsets and weights, the convolution and its norm."""
        check_norm(self.norm, training=None)
        self.offset = nn.Conv(
            3 * DEFORM_KERNEL**2,
            (DEFORM_KERNEL, DEFORM_KERNEL),
            strides=self.stride,
            padding=1,
            kernel_init=nn.initializers.zeros,
            precision="highest",
        )
        self.conv = DeformConv(
            self.kernel_init, dtype=self.dtype, features=self.features, use_bias=True
        )
        norms = {"group": group_norm, "frozen_batch": FrozenBatchNorm}
        self.after = norms[self.norm](dtype=self.dtype, name="norm") if self.norm in norms else None

    def taps(self, x: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Offsets [B, h, w, 18] and weights [B, h, w, 9] in (0, 1) of maps [B, H, W, C]."""
        offsets, logits = jnp.split(self.offset(x.astype(jnp.float32)), [2 * DEFORM_KERNEL**2], -1)
        return offsets, jax.nn.sigmoid(logits)

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, H / stride, W / stride, features]."""
        offsets, weights = self.taps(x)
        x = self.conv(x, offsets, weights, stride=self.stride)
        return x if self.after is None else self.after(x)
