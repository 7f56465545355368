"""Attention among queries. Source: Vaswani et al. 2017, as PyTorch computes it."""

import math

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.ops.dropout import dropout, split_keys


class SelfAttention(nn.Module):
    """Attention of several heads among the queries of a frame, added to them.

    Attributes:
      num_heads: that the channels are split into.
      dtype: of the computation; weights of attention are float32.
      dropout: rate in training, of weights and of what is added.
    """

    num_heads: int = 8
    dtype: str = "float32"
    dropout: float = 0.0

    @nn.compact
    def __call__(
        self,
        queries: jax.Array,
        positions: jax.Array | None = None,
        keys: jax.Array | None = None,
    ) -> jax.Array:
        """Maps [..., Q, C] to [..., Q, C].

        Args:
          queries: to be compared and mixed.
          positions: [..., Q, C], added to what is compared, not to what is mixed; None: nothing.
          keys: of dropout, [B] for queries [B, Q, C]; None: nothing is dropped.
        """
        channels = queries.shape[-1]
        joint = nn.Dense(
            3 * channels,
            kernel_init=nn.initializers.xavier_uniform(),
            dtype=self.dtype,
            name="in_proj",
        )
        split = (self.num_heads, channels // self.num_heads)
        parts = jnp.split(joint(queries), 3, axis=-1)
        if positions is not None:
            parts = [*jnp.split(joint(queries + positions), 3, axis=-1)[:2], parts[2]]
        query, key, value = (x.reshape(*x.shape[:-1], *split) for x in parts)
        scores = jnp.einsum("...qhd,...khd->...hqk", query, key) / math.sqrt(split[1])
        weights = jax.nn.softmax(scores.astype(jnp.float32), axis=-1).astype(self.dtype)
        of_weights, of_output = split_keys(keys, 2)
        weights = dropout(weights, of_weights, self.dropout)
        mixed = jnp.einsum("...hqk,...khd->...qhd", weights, value).reshape(queries.shape)
        out = nn.Dense(
            channels,
            kernel_init=nn.initializers.xavier_uniform(),
            dtype=self.dtype,
            name="out_proj",
        )
        return queries + dropout(out(mixed), of_output, self.dropout)
