"""Features of the whole frame that mask networks draw on, and the loss of all masks of a frame.

Source: TraDeS; the mask networks are those of CondInst with another order of parameters.
"""

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.layers import ConvNorm
from ovis_jax.ops.dynamic_masks import MaskNetwork, dynamic_mask
from ovis_jax.ops.means import Mean

COORDINATE_SCALE = 128.0  # cells that relative coordinates are divided by
SMOOTHING = 1.0


class SegFeature(nn.Module):
    """Two 3x3 convolutions and a 1x1 one, each with a norm and ReLU.

    Attributes:
      num_features: channels of the features.
      hidden: channels of the hidden layers of the mask networks.
      channels: between the convolutions.
      norm: one of `layers.NORMS`.
      group_rows: of a norm "batch"; see `BatchNorm`.
      dtype: of the computation; features are float32.
    """

    num_features: int = 8
    hidden: tuple[int, ...] = (8, 8)
    channels: int = 256
    norm: str = "batch"
    group_rows: int = 0
    dtype: str = "float32"

    @property
    def network(self) -> MaskNetwork:
        """What the parameters of mask networks mean."""
        return MaskNetwork(
            num_features=self.num_features,
            channels=tuple(self.hidden),
            order="layer_by_layer",
            coordinates_first=False,
            pixel_minus_point=True,
        )

    @nn.compact
    def __call__(self, features: jax.Array, training: bool = False) -> jax.Array:
        """Maps [B, h, w, C] to [B, h, w, num_features]."""
        layers = ((self.channels, 3), (self.channels, 3), (self.num_features, 1))
        x = features
        for number, (channels, side) in enumerate(layers):
            conv = ConvNorm(
                channels, side, 1, self.norm, self.dtype, self.group_rows, name=f"conv{number}"
            )
            x = nn.relu(conv(x, training))
        return x.astype(jnp.float32)


def center_masks(
    features: jax.Array, networks: jax.Array, centers: jax.Array, network: MaskNetwork
) -> jax.Array:
    """Mask logits [N, h, w] of the objects of a frame, cell for cell of the features.

    Args:
      features: [h, w, C].
      networks: [N, P].
      centers: [N, 2] as (x, y), in cells.
      network: what the parameters mean.
    """

    def draw(params, center):
        scale = jnp.float32(COORDINATE_SCALE)
        return dynamic_mask(features, params, center, scale, stride=1, network=network)

    return jax.vmap(draw)(networks, centers)


def frame_dice(probs: jax.Array, masks: jax.Array) -> jax.Array:
    """Dice loss of all masks of a frame together, as if they were one. Source: V-Net, with squares.

    1 - (2 sum(p g) + 1) / (sum(p^2) + sum(g^2) + 1); 0 without objects.

    Args:
      probs: [N, h, w] in [0, 1], 0 where there is no object.
      masks: [N, h, w] in {0, 1}, likewise.
    """
    masks = masks.astype(probs.dtype)
    shared = jnp.sum(probs * masks)
    squares = jnp.sum(probs * probs) + jnp.sum(masks * masks)
    return 1 - (2 * shared + SMOOTHING) / (squares + SMOOTHING)


def seg_mask_loss(logits: jax.Array, masks: jax.Array, drawn: jax.Array) -> Mean:
    """Mean of `frame_dice` over frames.

    Args:
      logits: [B, N, h, w].
      masks: [B, N, h, w] bool.
      drawn: [B, N] bool; other slots have no part in it.
    """
    shown = drawn[..., None, None]
    probs = jnp.where(shown, jax.nn.sigmoid(jnp.where(shown, logits, 0)), 0)
    return Mean.of(jax.vmap(frame_dice)(probs, masks & shown))
