"""Levels of one width without a path between them: what a deformable transformer reads.

Source: Deformable DETR, appendix A.2.
"""

from collections.abc import Sequence

import jax
from flax import linen as nn

from ovis_jax.models.layers import group_norm

FIRST_LEVEL = 3  # C3, stride 8


class Projections(nn.Module):
    """1x1 convolutions with group norm, and more levels by strided 3x3 convolutions on C5 itself.

    Attributes:
      channels: of each level, a multiple of 8.
      extra_levels: after the strides of the backbone; the second reads the first.
      dtype: of the computation.
    """

    channels: int = 256
    extra_levels: int = 1
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self, stages: Sequence[jax.Array], training: bool | None = None
    ) -> tuple[jax.Array, ...]:
        """Maps C2...C5 [B, h, w, C] to levels [B, h, w, channels] of strides 8, 16, 32, 64...

        Args:
          stages: of a backbone.
          training: means nothing here, and is there since other necks ask for it.
        """
        del training
        levels = [
            self._normed(nn.Conv(**self._settings(1), name=f"project{i}")(x), f"norm{i}")
            for i, x in enumerate(stages[1:], start=FIRST_LEVEL)
        ]
        x = stages[-1]
        for i in range(len(levels) + FIRST_LEVEL, len(levels) + FIRST_LEVEL + self.extra_levels):
            conv = nn.Conv(
                **self._settings(3), strides=2, padding=((1, 1), (1, 1)), name=f"project{i}"
            )
            x = self._normed(conv(x), f"norm{i}")
            levels.append(x)
        return tuple(levels)

    def _settings(self, side: int) -> dict:
        xavier = nn.initializers.xavier_uniform()
        return dict(
            features=self.channels, kernel_size=(side, side), kernel_init=xavier, dtype=self.dtype
        )

    def _normed(self, x: jax.Array, name: str) -> jax.Array:
        return group_norm(self.dtype, name=name)(x)
