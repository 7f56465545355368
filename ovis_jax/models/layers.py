"""Layers that several parts share: convolution with a norm, frozen batch norm."""

import jax
import jax.numpy as jnp
from flax import linen as nn

NORMS = ("none", "group", "frozen_batch")
GROUP_CHANNELS = 8


class FrozenBatchNorm(nn.Module):
    """Batch norm with fixed running statistics and trained scale and bias.

    The statistics live in the collection `batch_stats`, which nothing updates. Source: mmdetection
    0.x with `norm_eval`, as the published CMaskTrack R-CNN was trained.
    """

    epsilon: float = 1e-5
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Normalises the last axis of [..., C]."""
        shape = (x.shape[-1],)
        scale = self.param("scale", nn.initializers.ones, shape)
        bias = self.param("bias", nn.initializers.zeros, shape)
        mean = self.variable("batch_stats", "mean", jnp.zeros, shape).value
        var = self.variable("batch_stats", "var", jnp.ones, shape).value
        factor = scale * jax.lax.rsqrt(var + self.epsilon)
        return x * factor.astype(self.dtype) + (bias - mean * factor).astype(self.dtype)


class ConvNorm(nn.Module):
    """Convolution padded by half its kernel, then a norm; no activation.

    Attributes:
      features: output channels.
      kernel_size: odd; padding is `kernel_size // 2` on every side, also with a stride.
      stride: in both axes.
      norm: one of `NORMS`. The convolution has a bias only without a norm.
      dtype: of the computation; parameters are float32.
    """

    features: int
    kernel_size: int = 3
    stride: int = 1
    norm: str = "none"
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [..., H, W, C] to [..., H / stride, W / stride, features]."""
        if self.norm not in NORMS:
            raise ValueError(f"norm is {self.norm!r}; expected one of {NORMS}")
        pad = self.kernel_size // 2
        x = nn.Conv(
            self.features,
            (self.kernel_size, self.kernel_size),
            strides=self.stride,
            padding=((pad, pad), (pad, pad)),
            use_bias=self.norm == "none",
            kernel_init=nn.initializers.variance_scaling(2.0, "fan_out", "normal"),
            dtype=self.dtype,
            name="conv",
        )(x)
        if self.norm == "group":
            return nn.GroupNorm(
                num_groups=None, group_size=GROUP_CHANNELS, dtype=self.dtype, name="norm"
            )(x)
        if self.norm == "frozen_batch":
            return FrozenBatchNorm(dtype=self.dtype, name="norm")(x)
        return x
