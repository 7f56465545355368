"""Track head: RoI features to appearance embeddings. Source: MaskTrack R-CNN, section 4."""

import jax
from flax import linen as nn


class TrackHead(nn.Module):
    """Two fully connected layers; embeddings are compared by their plain dot product.

    Attributes:
      channels: of either layer.
      calibrated: the RoI features come from calibrated levels; the system that has the head sees to
        it. Published: from those of the frame as they are.
      dtype: of the computation; embeddings are float32.
    """

    channels: int = 1024
    calibrated: bool = False
    dtype: str = "float32"

    @nn.compact
    def __call__(self, roi_features: jax.Array) -> jax.Array:
        """Maps [..., R, S, S, C] to embeddings [..., R, channels] float32."""
        normal = nn.initializers.normal(0.01)
        x = roi_features.reshape(*roi_features.shape[:-3], -1)
        x = nn.relu(nn.Dense(self.channels, kernel_init=normal, dtype=self.dtype, name="fc0")(x))
        return nn.Dense(self.channels, kernel_init=normal, dtype="float32", name="fc1")(x)
