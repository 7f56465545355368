"""Dynamic convolution: each query filters the features of its own RoI. Source: Sparse R-CNN."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.layers import layer_norm


class DynamicConv(nn.Module):
    """Two 1x1 convolutions whose kernels a linear layer makes of the query, each with a norm.

    Attributes:
      hidden: channels between the two.
      dtype: of the computation.
    """

    hidden: int = 64
    dtype: str = "float32"

    @nn.compact
    def __call__(self, queries: jax.Array, roi_features: jax.Array) -> jax.Array:
        """Maps queries [..., R, C] and RoI features [..., R, S, S, C] to [..., R, S, S, C]."""
        channels = queries.shape[-1]
        kernels = nn.Dense(
            2 * channels * self.hidden,
            kernel_init=nn.initializers.xavier_uniform(),
            dtype=self.dtype,
            name="kernels",
        )(queries)
        first, second = jnp.split(kernels, 2, axis=-1)
        first = first.reshape(*first.shape[:-1], channels, self.hidden)
        second = second.reshape(*second.shape[:-1], self.hidden, channels)
        x = jnp.einsum("...ijc,...ch->...ijh", roi_features.astype(self.dtype), first)
        x = nn.relu(layer_norm(self.dtype, name="norm_in")(x))
        x = jnp.einsum("...ijh,...hc->...ijc", x, second)
        return nn.relu(layer_norm(self.dtype, name="norm_out")(x))
