"""Instance head: class, mask network and embedding of a query's object. Source: IDOL."""

import math
from collections.abc import Sequence

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.layers import Perceptron, torch_uniform
from ovis_jax.ops.dynamic_masks import MaskNetwork

PRIOR = 0.01  # probability of a class at the start


class InstanceHead(nn.Module):
    """Class logits of each layer's own; networks and embeddings of one predictor for all layers.

    Attributes:
      num_classes: without background.
      num_layers: of the decoder.
      channels: of hidden layers and embeddings.
      num_features: channels of what masks are drawn on.
      hidden: channels of the hidden layers of the predicted networks.
      dtype: of the computation; what is predicted is float32.
    """

    num_classes: int
    num_layers: int = 6
    channels: int = 256
    num_features: int = 8
    hidden: Sequence[int] = (8, 8)
    dtype: str = "float32"

    @property
    def network(self) -> MaskNetwork:
        """What the predicted parameters mean."""
        return MaskNetwork(num_features=self.num_features, channels=tuple(self.hidden))

    def setup(self):
        """Makes the predictors."""
        prior = nn.initializers.constant(-math.log((1 - PRIOR) / PRIOR))
        dense = dict(kernel_init=torch_uniform, bias_init=prior, dtype="float32")
        self.class_logits = [nn.Dense(self.num_classes, **dense) for _ in range(self.num_layers)]
        inner = (self.channels, self.channels)
        self.controller = Perceptron((*inner, self.network.num_params), dtype=self.dtype)
        self.embedding = Perceptron((*inner, self.channels), dtype=self.dtype)

    def logits(self, features: jax.Array) -> jax.Array:
        """Class logits [S, B, Q, K] of queries [S, B, Q, C] after each layer."""
        return jnp.stack(
            [layer(own) for layer, own in zip(self.class_logits, features, strict=True)]
        )

    def networks(self, features: jax.Array) -> jax.Array:
        """Parameters [..., P] of the mask networks of queries [..., C]."""
        return self.controller(features)

    def embed(self, features: jax.Array) -> jax.Array:
        """Embeddings [..., E] of queries [..., C]."""
        return self.embedding(features)
