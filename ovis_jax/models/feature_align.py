"""Feature alignment: a deformable convolution that looks where a predicted box lies."""

import jax
from flax import linen as nn

from ovis_jax.models.deformable import DEFORM_KERNEL, DeformConv
from ovis_jax.models.layers import group_norm


class FeatureAlignment(nn.Module):
    """Samples each cell's features inside the box that the cell predicts.

    Starts as an ordinary 3x3 convolution. Source: SipMask, where classes are read from its result.

    Attributes:
      groups: sets of offsets; each moves its share of the channels.
      dtype: of the computation; offsets are float32.
    """

    groups: int = 4
    dtype: str = "float32"

    def setup(self):
        """Makes the offsets, the deformable convolution and its norm."""
        self.offset = nn.Conv(
            2 * DEFORM_KERNEL**2 * self.groups,
            (1, 1),
            use_bias=False,
            kernel_init=nn.initializers.zeros,
            precision="highest",
        )
        self.conv = DeformConv(nn.initializers.normal(0.01), dtype=self.dtype)
        self.norm = group_norm(self.dtype)

    def __call__(self, features: jax.Array, boxes: jax.Array) -> jax.Array:
        """Aligns one level.

        Args:
          features: [B, h, w, C].
          boxes: [B, h, w, 4] distances to left, top, right and bottom, in cells; the gradient stops
            here.

        Returns:
          [B, h, w, C].
        """
        return nn.relu(self.norm(self.conv(features, self.offsets(boxes))))

    def offsets(self, boxes: jax.Array) -> jax.Array:
        """Offsets [B, h, w, 18 * groups] in cells for boxes [B, h, w, 4] in cells."""
        return self.offset(jax.lax.stop_gradient(boxes))
