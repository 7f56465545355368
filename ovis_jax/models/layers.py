"""Layers that several parts share: convolutions of all kinds, and norms."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.batch_norm import BatchNorm
from ovis_jax.ops import implementations

NORMS = ("none", "group", "frozen_batch", "frozen_batch_0", "frozen_batch_3", "batch")
GROUP_CHANNELS = 8
MAP_AXES = (-3, -2, -1)  # what group norm averages over: one map, whatever stands beside it
PYTORCH_EPSILON = 1e-5

kaiming_normal = nn.initializers.variance_scaling(2.0, "fan_out", "normal")
"""Keeps the variance of gradients through ReLU: mmdetection's choice for most convolutions."""
torch_uniform = nn.initializers.variance_scaling(1 / 3, "fan_in", "uniform")
"""Uniform in +-1 / sqrt(fan-in): what PyTorch's convolutions begin with."""


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
      norm: one of `NORMS`. The convolution has a bias without a norm. "frozen_batch_0" adds nothing
        to the variance, as maskrcnn-benchmark; "frozen_batch_3" adds 1e-3, as DeepLab's Xception.
      group_rows: of a norm "batch"; see `BatchNorm`.
      groups: the channels fall into so many; an output reads the inputs of its own group. With
        more than one the convolution never has a bias.
      use_bias: the convolution has a bias although a norm follows.
      dtype: of the computation; parameters are float32.
    """

    features: int
    kernel_size: int = 3
    stride: int = 1
    norm: str = "none"
    dtype: str = "float32"
    group_rows: int = 0
    groups: int = 1
    use_bias: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, training: bool | None = None) -> jax.Array:
        """Maps [..., H, W, C] to [..., H / stride, W / stride, features].

        Args:
          x: a batch of maps.
          training: what a norm "batch" asks for; see `BatchNorm`. None: whoever calls cannot say,
            and the norm is another one.
        """
        check_norm(self.norm, training)
        x = self._convolved(x)
        return normalised(x, self.norm, training, self.dtype, self.group_rows)

    def _convolved(self, x: jax.Array) -> jax.Array:
        if self.groups > 1:
            size, groups = (self.kernel_size, self.stride), self.groups
            return GroupedConv(self.features, *size, groups, self.dtype, name="conv")(x)
        pad = self.kernel_size // 2
        return nn.Conv(
            self.features,
            (self.kernel_size, self.kernel_size),
            strides=self.stride,
            padding=((pad, pad), (pad, pad)),
            use_bias=self.use_bias or self.norm == "none",
            kernel_init=kaiming_normal,
            dtype=self.dtype,
            name="conv",
        )(x)


def check_norm(norm: str, training: bool | None) -> None:
    """Refuses a norm that does not exist or that needs to be told whether this is training."""
    norms = NORMS if training is not None else NORMS[:-1]
    if norm not in norms:
        raise ValueError(f"norm is {norm!r}; expected one of {norms}")


def normalised(
    x: jax.Array, norm: str, training: bool | None, dtype: str, group_rows: int = 0
) -> jax.Array:
    """Maps [..., H, W, C] through a layer "norm" of the module that calls it; see `ConvNorm`."""
    check_norm(norm, training)
    if norm == "group":
        return nn.GroupNorm(
            num_groups=None,
            group_size=GROUP_CHANNELS,
            reduction_axes=MAP_AXES,
            dtype=dtype,
            name="norm",
        )(x)
    if norm == "frozen_batch":
        return FrozenBatchNorm(dtype=dtype, name="norm")(x)
    if norm == "frozen_batch_0":
        return FrozenBatchNorm(epsilon=0.0, dtype=dtype, name="norm")(x)
    if norm == "frozen_batch_3":
        return FrozenBatchNorm(epsilon=1e-3, dtype=dtype, name="norm")(x)
    if norm == "batch":
        return BatchNorm(group_rows, dtype=dtype, name="norm")(x, training=training)
    return x


class GroupedConv(nn.Module):
    """Convolution without bias whose channels fall into groups, padded by half its kernel.

    Attributes:
      features: output channels.
      kernel_size: odd.
      stride: in both axes.
      groups: how many.
      dtype: of the computation.
    """

    features: int
    kernel_size: int
    stride: int
    groups: int
    dtype: str = "float32"

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, H / stride, W / stride, features]."""
        shape = (self.kernel_size, self.kernel_size, x.shape[-1] // self.groups, self.features)
        kernel = self.param("kernel", kaiming_normal, shape).astype(self.dtype)
        convolve = implementations.grouped_convolution()
        return convolve(x.astype(self.dtype), kernel, self.groups, self.stride)


class DepthwiseConv(nn.Module):
    """Convolution of each channel for itself, padded by half its kernel.

    Attributes:
      dtype: of the computation.
      kernel_size: odd.
      use_bias: adds a bias.
      kernel_init: of the kernel [k, k, 1, C].
      stride: in both axes.
      dilation: cells of the map from one cell of the kernel to the next; the padding grows with it.
    """

    dtype: str = "float32"
    kernel_size: int = 3
    use_bias: bool = False
    kernel_init: nn.initializers.Initializer = torch_uniform
    stride: int = 1
    dilation: int = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, H / stride, W / stride, C], rounded up."""
        channels = x.shape[-1]
        shape = (self.kernel_size, self.kernel_size, 1, channels)
        kernel = self.param("kernel", self.kernel_init, shape).astype(self.dtype)
        convolve = implementations.grouped_convolution()
        x = convolve(x.astype(self.dtype), kernel, channels, self.stride, self.dilation)
        if self.use_bias:
            x = x + self.param("bias", nn.initializers.zeros, (channels,)).astype(self.dtype)
        return x


def group_norm(dtype: str, name: str | None = None) -> nn.GroupNorm:
    """Group norm in groups of eight channels (32 groups of 256), as PyTorch computes it.

    For published weights; `ConvNorm` has Flax's, which is faster.
    """
    return nn.GroupNorm(
        num_groups=None,
        group_size=GROUP_CHANNELS,
        reduction_axes=MAP_AXES,
        epsilon=PYTORCH_EPSILON,
        use_fast_variance=False,
        dtype=dtype,
        name=name,
    )


def layer_norm(
    dtype: str, epsilon: float = PYTORCH_EPSILON, name: str | None = None
) -> nn.LayerNorm:
    """Layer norm of the last axis, as PyTorch computes it."""
    return nn.LayerNorm(epsilon=epsilon, use_fast_variance=False, dtype=dtype, name=name)


class DoublingConv(nn.Module):
    """Transposed 2x2 convolution with stride 2.

    Attributes:
      features: output channels.
      dtype: of the computation.
      kernel_init: of the kernel [2, 2, C, features].
    """

    features: int
    dtype: str = "float32"
    kernel_init: nn.initializers.Initializer = nn.initializers.he_normal()

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [..., H, W, C] to [..., 2H, 2W, features]."""
        kernel = self.param("kernel", self.kernel_init, (2, 2, x.shape[-1], self.features))
        bias = self.param("bias", nn.initializers.zeros, (self.features,))
        double = implementations.doubling_convolution(x)
        return double(x, kernel.astype(x.dtype)) + bias.astype(x.dtype)


class Tower(nn.Module):
    """3x3 convolutions, each with group norm and ReLU: FCOS, figure 2.

    Attributes:
      num_convs: how many.
      channels: of each.
      dtype: of the computation.
      use_bias: convolutions have a bias although a norm follows.
    """

    num_convs: int
    channels: int
    dtype: str = "float32"
    use_bias: bool = False

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [B, H, W, C] to [B, H, W, channels]."""
        for i in range(self.num_convs):
            x = nn.Conv(
                self.channels,
                (3, 3),
                use_bias=self.use_bias,
                kernel_init=nn.initializers.normal(0.01),
                dtype=self.dtype,
                name=f"conv{i}",
            )(x)
            x = nn.relu(group_norm(self.dtype, name=f"norm{i}")(x))
        return x


class Perceptron(nn.Module):
    """Linear layers with ReLU between them.

    Attributes:
      features: of each layer.
      last_kernel: initialises the kernel of the last layer.
      last_bias: and its bias.
      dtype: of the computation; the last layer is float32.
    """

    features: tuple[int, ...]
    last_kernel: nn.initializers.Initializer = torch_uniform
    last_bias: nn.initializers.Initializer = nn.initializers.zeros
    dtype: str = "float32"

    def setup(self):
        """Makes the layers."""
        *inner, last = self.features
        layers = [nn.Dense(n, kernel_init=torch_uniform, dtype=self.dtype) for n in inner]
        init = dict(kernel_init=self.last_kernel, bias_init=self.last_bias)
        self.layers = [*layers, nn.Dense(last, **init, dtype="float32")]

    def __call__(self, x: jax.Array) -> jax.Array:
        """Maps [..., C] to [..., features[-1]] float32."""
        for layer in self.layers[:-1]:
            x = nn.relu(layer(x))
        return self.layers[-1](x)
