"""Query track head: an embedding for each query. The tracking of QueryVIS was never published.

"vanilla" is the track head of MaskTrack R-CNN on the RoIs of the final boxes; "query" reads the
query itself; "dynamic" reads the RoI as the query filters it, as the authors say of QueryTrack.
"""

import jax
from flax import linen as nn

from ovis_jax.models.dynamic_conv import DynamicConv

KINDS = ("vanilla", "query", "dynamic")


class QueryTrackHead(nn.Module):
    """Two fully connected layers; embeddings are compared by their plain dot product.

    Attributes:
      kind: what they read, one of `KINDS`.
      channels: of both layers.
      hidden: channels inside of the dynamic convolution.
      dtype: of the computation; embeddings are float32.
    """

    kind: str = "vanilla"
    channels: int = 1024
    hidden: int = 64
    dtype: str = "float32"

    @property
    def reads_queries(self) -> bool:
        """Whether a box without a query has no embedding."""
        return self.kind != "vanilla"

    @nn.compact
    def __call__(
        self, roi_features: jax.Array, features: jax.Array, attended: jax.Array
    ) -> jax.Array:
        """Embeddings [..., R, channels] float32.

        Args:
          roi_features: [..., R, S, S, C] of the final boxes.
          features: [..., R, C] of the last stage; "vanilla" reads none.
          attended: likewise, after attention.
        """
        if self.kind not in KINDS:
            raise ValueError(f"track.kind is {self.kind!r}; expected one of {KINDS}")
        x = features if self.kind == "query" else roi_features
        if self.kind == "dynamic":
            x = DynamicConv(self.hidden, self.dtype, name="interaction")(attended, roi_features)
        x = x if self.kind == "query" else x.reshape(*x.shape[:-3], -1)
        for i, dtype in enumerate((self.dtype, "float32")):
            x = x if i == 0 else nn.relu(x)
            xavier = nn.initializers.xavier_uniform()
            x = nn.Dense(self.channels, kernel_init=xavier, dtype=dtype, name=f"fc{i}")(x)
        return x
