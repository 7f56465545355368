"""Decoder of clips: pyramids of their frames to one map at the finest level."""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.layers import PYTORCH_EPSILON, torch_uniform
from ovis_jax.ops.resize import resize_trilinear

# Levels of the pyramid, and how often each is squeezed: strides 32, 16, 8 and 4.
SQUEEZES = (2, 2, 1, 0)


class ClipConv(nn.Module):
    """3x3x3 convolution with zeros around the clip.

    It is the sum of three convolutions of frames, each shifted in time: narrow networks on CPUs
    take less than a third of the time of one over space and time.

    Attributes:
      features: output channels.
      dtype: of the computation.
    """

    features: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, T, h, w, C] to [B, T, h, w, features]."""
        kernel = self.param("kernel", torch_uniform, (3, 3, 3, x.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        frames = x.astype(self.dtype).reshape(-1, *x.shape[2:])

        def of_frames(tap: jax.Array) -> jax.Array:
            y = jax.lax.conv_general_dilated(
                frames, tap, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )
            return y.reshape(*x.shape[:-1], self.features)

        before, same, after = map(of_frames, kernel.astype(self.dtype))
        later = jnp.pad(before[:, :-1], [(0, 0), (1, 0), *[(0, 0)] * 3])
        sooner = jnp.pad(after[:, 1:], [(0, 0), (0, 1), *[(0, 0)] * 3])
        return later + same + sooner + bias.astype(self.dtype)


class SqueezeConv(nn.Module):
    """3x3x3 convolution, group norm, ReLU, and perhaps a mean that halves the number of frames.

    Attributes:
      features: output channels.
      groups: of the norm.
      squeeze: whether to halve the number of frames (rounded up).
      dtype: of the computation.
    """

    features: int
    groups: int = 32
    squeeze: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, T, h, w, C] to [B, T', h, w, features]."""
        x = ClipConv(self.features, self.dtype, name="conv")(x)
        x = nn.GroupNorm(
            num_groups=self.groups,
            epsilon=PYTORCH_EPSILON,
            use_fast_variance=False,
            dtype=self.dtype,
            name="norm",
        )(x)
        x = nn.relu(x)
        if not self.squeeze:
            return x
        # Zeros around the map count as values.
        return nn.avg_pool(x, (3, 3, 3), (2, 1, 1), ((1, 1), (1, 1), (1, 1)))


class SqueezeExpand(nn.Module):
    """Squeezes coarse levels in time, then enlarges and joins them level by level.

    Source: Athar et al. 2020, STEm-Seg, section 3.5, for clips of 8 frames; others are squeezed and
    enlarged as often.

    Attributes:
      channels: of the levels with strides 32, 16, 8 and 4; what is given has the last.
      groups: of the norms.
      dtype: of the computation.
    """

    channels: tuple[int, int, int, int]
    groups: int = 32
    dtype: str = "float32"

    @nn.compact
    def __call__(self, pyramid: Sequence[jax.Array]) -> jax.Array:
        """Maps of all frames to one of the clip.

        Args:
          pyramid: P2...P5, [B, T, h, w, C] each, h and w half those of the one before.

        Returns:
          [B, T, h, w, channels[-1]] at the size of P2.
        """
        levels = [
            self._squeezed(x, stride, count, channels)
            for x, stride, count, channels in zip(
                reversed(pyramid), (32, 16, 8, 4), SQUEEZES, self.channels, strict=True
            )
        ]
        joined = levels[0]
        for level, stride in zip(levels[1:], (16, 8, 4), strict=True):
            joined = join(joined, level, f"join{stride}", self.dtype)
        return joined

    def _squeezed(self, x: jax.Array, stride: int, count: int, channels: int) -> jax.Array:
        """A level that is as long in time as the next finer one wants it."""
        # The coarsest level has a convolution more, without a squeeze.
        for i in range(max(count, 1) + (stride == 32)):
            squeeze = i < count
            name = f"block{stride}_{i}"
            x = SqueezeConv(channels, self.groups, squeeze, self.dtype, name=name)(x)
        return x


def join(coarse: jax.Array, fine: jax.Array, name: str, dtype: str) -> jax.Array:
    """A coarse map enlarged to a fine one, both mixed to the channels of the fine one.

    Called inside of a module's compact method, whose layer it names.
    """
    enlarged = resize_trilinear(coarse, *fine.shape[-4:-1])
    both = jnp.concatenate([enlarged, fine], axis=-1)
    return nn.Dense(fine.shape[-1], use_bias=False, dtype=dtype, name=name)(both)
