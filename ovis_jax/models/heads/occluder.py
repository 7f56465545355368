"""Occluder branch: a mask of what covers the object of a RoI, whose features help its own mask.

Source: BCNet (Ke et al. 2021), section 3, without its non-local operations and its boundaries, as
the paper of OVIS takes it.
"""

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from ovis_jax.models.layers import ConvNorm, DoublingConv, kaiming_normal
from ovis_jax.ops.masks import crop_masks
from ovis_jax.ops.means import Mean


class OccluderBranch(nn.Module):
    """Convolutions whose result is added to the RoI features, and a mask made of it.

    Attributes:
      num_convs: how many, all with the channels of the RoI features.
      norm: after each of them.
      dtype: of the computation.
    """

    num_convs: int = 4
    norm: str = "none"
    dtype: str = "float32"

    @nn.compact
    def __call__(self, roi_features: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Maps RoI features [..., R, S, S, C] to those of the mask head, and occluder logits.

        Returns:
          The sum of the RoI features and those of the occluder, [..., R, S, S, C]; and logits
          [..., R, 2S, 2S] of one mask, whatever classes cover the object.
        """
        x, channels = roi_features, roi_features.shape[-1]
        for i in range(self.num_convs):
            x = nn.relu(ConvNorm(channels, 3, 1, self.norm, self.dtype, name=f"conv{i}")(x))
        mask = nn.relu(DoublingConv(channels, self.dtype, name="upsample")(x))
        mask = nn.Dense(1, kernel_init=kaiming_normal, dtype=self.dtype, name="logits")(mask)
        return roi_features + x, mask[..., 0].astype("float32")


def occluder_targets(
    masks: jax.Array, valid: jax.Array, boxes: jax.Array, index: jax.Array, size: int
) -> jax.Array:
    """Cuts RoIs out of all other objects of one image.

    Args:
      masks: [N, H, W // 8] uint8, packed.
      valid: [N] bool.
      boxes: [R, 4].
      index: [R] int32, each RoI's instance.
      size: side of the targets in cells.

    Returns:
      [R, size, size] float32 in {0, 1}: where any other object lies.
    """
    masks = jnp.where(valid[:, None, None], masks, 0)
    none = jnp.zeros_like(masks[:1])
    before = jax.lax.associative_scan(jnp.bitwise_or, masks)
    after = jax.lax.associative_scan(jnp.bitwise_or, masks, reverse=True)
    others = jnp.concatenate([none, before[:-1]]) | jnp.concatenate([after[1:], none])
    return crop_masks(others, boxes, index, size)


def occluder_loss(logits: jax.Array, targets: jax.Array, positive: jax.Array) -> Mean:
    """Mean binary cross-entropy of occluder masks.

    Positives with an occluder count, and as many of the first positives of each image, so that
    empty masks do not outweigh the others; one that is both counts twice, as in the published code
    (which takes the first of all images of a device). 0 without occluders.

    Args:
      logits: [B, R, M, M].
      targets: [B, R, M, M] in {0, 1}.
      positive: [B, R] bool; other RoIs neither count nor receive a gradient.
    """
    covered = positive & (targets > 0).any((-2, -1))
    rank = jnp.cumsum(positive, axis=-1) - 1
    first = positive & (rank < covered.sum(-1, keepdims=True))
    weights = covered.astype(jnp.float32) + first
    logits = jnp.where(weights[..., None, None] > 0, logits, 0)
    loss = optax.sigmoid_binary_cross_entropy(logits, targets).mean((-2, -1))
    return Mean(jnp.sum(weights * loss), weights.sum())
