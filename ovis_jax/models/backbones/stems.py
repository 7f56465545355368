"""Where backbones begin: what they ask of frames, and the stem of those that read patches."""

import jax
from flax import linen as nn

from ovis_jax.models.layers import layer_norm

LARGEST_STRIDE = 32
PATCH = 4  # pixels of a side

truncated_normal = nn.initializers.truncated_normal(0.02)
"""What transformers, and networks after their fashion, begin with."""


def checked_frames(images: jax.Array) -> jax.Array:
    """The same frames [B, H, W, 3].

    Raises:
      ValueError: a side is not a multiple of 32, so that C2...C5 would not halve exactly.
    """
    if images.shape[-3] % LARGEST_STRIDE or images.shape[-2] % LARGEST_STRIDE:
        raise ValueError(f"frame sides must be multiples of 32, got {images.shape[-3:-1]}")
    return images


class PatchStem(nn.Module):
    """A linear map of patches of 4x4 pixels, and a norm.

    Attributes:
      channels: of the output.
      epsilon: of the norm.
      dtype: of the computation.
    """

    channels: int
    epsilon: float
    dtype: str = "float32"

    @nn.compact
    def __call__(self, images: jax.Array) -> jax.Array:
        """Maps [B, H, W, 3] to [B, H / 4, W / 4, channels]."""
        x = patch_conv(self.channels, PATCH, self.dtype, name="conv")(images)
        return layer_norm(self.dtype, self.epsilon, name="norm")(x)


def patch_conv(channels: int, side: int, dtype: str, name: str) -> nn.Conv:
    """A convolution of patches that do not overlap."""
    return nn.Conv(
        channels,
        (side, side),
        (side, side),
        "VALID",
        kernel_init=truncated_normal,
        dtype=dtype,
        name=name,
    )
