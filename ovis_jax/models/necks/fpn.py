"""Feature pyramid network: C2...C5 to a pyramid."""

from collections.abc import Sequence

import jax
from flax import linen as nn

from ovis_jax.models.layers import ConvNorm
from ovis_jax.ops.resize import resize_bilinear, upsample_nearest_2x


class FPN(nn.Module):
    """Top-down pathway with laterals, in float32. Source: Lin et al. 2017, as in mmdetection 0.x.

    Attributes:
      channels: of every pyramid level.
      norm: after each convolution; "none" in the published networks.
      first_level: lowest level of the pyramid; 2 for P2, of the same size as C2.
      extra_convs: levels above P5 that are convolutions with stride 2 of the one before, the first
        one directly, the others after ReLU (RetinaNet, section 4). 0: P6 is P5 at its even rows and
        columns.
      bilinear: levels are enlarged bilinearly to the size of the next one, instead of by repeating
        their cells.
      rectified: levels that are added up end in ReLU, and no extra level begins with one. With
        `bilinear`: YOLACT.
    """

    channels: int = 256
    norm: str = "none"
    first_level: int = 2
    extra_convs: int = 0
    bilinear: bool = False
    rectified: bool = False

    @nn.compact
    def __call__(
        self, features: Sequence[jax.Array], training: bool | None = None
    ) -> tuple[jax.Array, ...]:
        """Maps C2...C5, each half the size of the one before, to the levels from `first_level` on.

        Every level has `channels` channels and half the size of the one before, rounded up.
        `training` is for a norm "batch"; see `ConvNorm`.
        """
        names, features = range(self.first_level, 6), features[self.first_level - 2 :]
        laterals = [
            ConvNorm(self.channels, 1, 1, self.norm, name=f"lateral{i}")(x, training)
            for i, x in zip(names, features, strict=True)
        ]
        for i in range(len(laterals) - 1, 0, -1):
            laterals[i - 1] = laterals[i - 1] + self._enlarged(laterals[i], laterals[i - 1])
        levels = [
            ConvNorm(self.channels, 3, 1, self.norm, name=f"output{i}")(x, training)
            for i, x in zip(names, laterals, strict=True)
        ]
        if self.rectified:
            levels = [nn.relu(x) for x in levels]
        if not self.extra_convs:
            return (*levels, levels[-1][..., ::2, ::2, :])
        for i in range(self.extra_convs):
            x = nn.relu(levels[-1]) if i and not self.rectified else levels[-1]
            extra = ConvNorm(self.channels, 3, 2, self.norm, name=f"output{6 + i}")
            levels.append(extra(x, training))
        return tuple(levels)

    def _enlarged(self, level: jax.Array, target: jax.Array) -> jax.Array:
        if self.bilinear:
            return resize_bilinear(level, *target.shape[-3:-1])
        return upsample_nearest_2x(level)
