"""Features that masks are drawn on, fused from the coarse levels to the fine ones. Source: IDOL."""

from collections.abc import Sequence

import jax
from flax import linen as nn

from ovis_jax.ops.resize import resize_nearest


class FusedMaskBranch(nn.Module):
    """3x3 convolutions with ReLU; after each of the first, the next finer level is added.

    Attributes:
      num_features: channels of the result.
      num_levels: that are fused.
      dtype: of the computation; features are float32.
    """

    num_features: int = 8
    num_levels: int = 3
    dtype: str = "float32"

    @nn.compact
    def __call__(self, levels: Sequence[jax.Array]) -> jax.Array:
        """Maps levels [B, h, w, C], the finest first, to [B, h, w, num_features] of the finest."""
        finer, x = levels[: self.num_levels - 1], levels[self.num_levels - 1]
        channels = x.shape[-1]
        x = self._conv(channels, "fuse0")(x)
        for number, level in enumerate(reversed(finer), start=1):
            x = level + resize_nearest(nn.relu(x), *level.shape[1:3])
            x = self._conv(channels, f"fuse{number}")(x)
        x = self._conv(channels // 4, "narrow")(nn.relu(x))
        return nn.relu(self._conv(self.num_features, "features", "float32")(nn.relu(x)))

    def _conv(self, features: int, name: str, dtype: str | None = None) -> nn.Conv:
        uniform = nn.initializers.variance_scaling(1.0, "fan_in", "uniform")
        return nn.Conv(features, (3, 3), kernel_init=uniform, dtype=dtype or self.dtype, name=name)
