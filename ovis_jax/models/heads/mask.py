"""Mask head: RoI features to one mask per class. Source: Mask R-CNN, section 3."""

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from ovis_jax.models.layers import ConvNorm, DoublingConv, kaiming_normal
from ovis_jax.ops.masks import crop_masks, select_class
from ovis_jax.ops.means import Mean


class MaskHead(nn.Module):
    """Convolutions, a doubling of the size, and mask logits of every class.

    Attributes:
      num_classes: without background; channel 0 of the output belongs to background and is never
        read.
      channels: of the convolutions.
      num_convs: how many.
      norm: after each of them.
      dtype: of the computation.
    """

    num_classes: int
    channels: int = 256
    num_convs: int = 4
    norm: str = "none"
    dtype: str = "float32"

    @nn.compact
    def __call__(self, roi_features: jax.Array) -> jax.Array:
        """Maps [..., R, S, S, C] to logits [..., R, 2S, 2S, K + 1]."""
        x = roi_features
        for i in range(self.num_convs):
            x = nn.relu(ConvNorm(self.channels, 3, 1, self.norm, self.dtype, name=f"conv{i}")(x))
        x = nn.relu(DoublingConv(self.channels, self.dtype, name="upsample")(x))
        x = nn.Dense(
            self.num_classes + 1, kernel_init=kaiming_normal, dtype=self.dtype, name="logits"
        )(x)
        return x.astype("float32")


def mask_targets(masks: jax.Array, boxes: jax.Array, index: jax.Array, size: int) -> jax.Array:
    """Cuts RoIs out of the annotated masks of one image.

    Args:
      masks: [N, H, W // 8] uint8, packed.
      boxes: [R, 4].
      index: [R] int32, each RoI's instance.
      size: side of the targets in cells.

    Returns:
      [R, size, size] float32 in {0, 1}.
    """
    return crop_masks(masks, boxes, index, size)


def mask_loss(
    logits: jax.Array,
    targets: jax.Array,
    classes: jax.Array,
    positive: jax.Array,
) -> Mean:
    """Mean binary cross-entropy on the mask of each RoI's own class, over the positives.

    Args:
      logits: [B, R, M, M, K + 1].
      targets: [B, R, M, M] in {0, 1}.
      classes: [B, R] int32, label + 1 where positive.
      positive: [B, R] bool; other RoIs neither count nor receive a gradient.
    """
    own = select_class(jnp.where(positive[..., None, None, None], logits, 0), classes)
    targets = jnp.where(positive[..., None, None], targets, 0)
    loss = optax.sigmoid_binary_cross_entropy(own, targets).mean((-2, -1))
    return Mean(jnp.sum(loss, where=positive), positive.sum())
