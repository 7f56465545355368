"""Feature pyramid network: C2...C5 to P2...P6."""

from collections.abc import Sequence

import jax
from flax import linen as nn

from ovis_jax.models.layers import ConvNorm
from ovis_jax.ops.resize import upsample_nearest_2x


class FPN(nn.Module):
    """Top-down pathway with laterals. Source: Lin et al. 2017, as mmdetection 0.x computes it.

    Attributes:
      channels: of every pyramid level.
      norm: after each convolution; "none" in the published networks.
      dtype: of the computation.
    """

    channels: int = 256
    norm: str = "none"
    dtype: str = "float32"

    @nn.compact
    def __call__(self, features: Sequence[jax.Array]) -> tuple[jax.Array, ...]:
        """Maps C2...C5, each half the size of the one before, to P2...P6 with `channels` channels.

        P6 is P5 at its even rows and columns.
        """
        laterals = [
            ConvNorm(self.channels, 1, 1, self.norm, self.dtype, name=f"lateral{i + 2}")(x)
            for i, x in enumerate(features)
        ]
        for i in range(len(laterals) - 1, 0, -1):
            laterals[i - 1] = laterals[i - 1] + upsample_nearest_2x(laterals[i])
        levels = [
            ConvNorm(self.channels, 3, 1, self.norm, self.dtype, name=f"output{i + 2}")(x)
            for i, x in enumerate(laterals)
        ]
        return (*levels, levels[-1][..., ::2, ::2, :])
