"""Query mask head: queries filter the features of their RoIs to masks. Source: QueryInst."""

import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.batch_norm import BatchNorm
from ovis_jax.models.dynamic_conv import DynamicConv
from ovis_jax.models.layers import DoublingConv, FrozenBatchNorm, group_norm
from ovis_jax.ops.align_masks import align_masks
from ovis_jax.ops.losses import dice
from ovis_jax.ops.masks import select_class

PAD_MULTIPLE = 32  # published code cuts targets out of frames that are padded so
NORMS = ("batch", "frozen_batch", "group", "none")
xavier = nn.initializers.xavier_uniform()


class QueryMaskHead(nn.Module):
    """A dynamic convolution, convolutions, a doubling of the size, and logits of every class.

    Attributes:
      num_classes: without background.
      channels: of the convolutions.
      num_convs: how many.
      hidden: channels inside of the dynamic convolution.
      norm: after each convolution, one of `NORMS`. "batch" has in training the statistics of the
        items that are positive, as published; "frozen_batch" those of a file.
      group_rows: of "batch", frames whose items share statistics; see `BatchNorm`.
      dtype: of the computation; logits are float32.
    """

    num_classes: int
    channels: int = 256
    num_convs: int = 4
    hidden: int = 64
    norm: str = "batch"
    group_rows: int = 0
    dtype: str = "float32"

    @nn.compact
    def __call__(
        self, queries: jax.Array, roi_features: jax.Array, positive: jax.Array | None = None
    ) -> jax.Array:
        """Mask logits [..., R, 2S, 2S, K] of queries [..., R, C].

        Args:
          queries: after the attention of their stage.
          roi_features: [..., R, S, S, C] of their refined boxes.
          positive: in training, [B, R] bool, items of which statistics are taken; None: a norm
            "batch" has the running ones.
        """
        if self.norm not in NORMS:
            raise ValueError(f"norm is {self.norm!r}; expected one of {NORMS}")
        x = DynamicConv(self.hidden, self.dtype, name="interaction")(queries, roi_features)
        for i in range(self.num_convs):
            conv = nn.Conv(
                self.channels, (3, 3), kernel_init=xavier, dtype=self.dtype, name=f"conv{i}"
            )
            x = nn.relu(self._normalised(conv(x), f"norm{i}", positive))
        upsample = DoublingConv(self.channels, self.dtype, kernel_init=xavier, name="upsample")
        x = nn.Dense(self.num_classes, kernel_init=xavier, dtype=self.dtype, name="logits")(
            nn.relu(upsample(x))
        )
        return x.astype("float32")

    def _normalised(self, x: jax.Array, name: str, positive: jax.Array | None) -> jax.Array:
        if self.norm == "batch":
            norm = BatchNorm(self.group_rows, dtype=self.dtype, name=name)
            return norm(x, training=positive is not None, valid=positive)
        if self.norm == "frozen_batch":
            return FrozenBatchNorm(dtype=self.dtype, name=name)(x)
        return group_norm(self.dtype, name=name)(x) if self.norm == "group" else x


def mask_targets(masks: jax.Array, boxes: jax.Array, image_size: jax.Array, size: int) -> jax.Array:
    """Cuts the refined boxes of the objects of one frame out of their masks, for S stages.

    Args:
      masks: [N, H, W // 8] uint8, packed.
      boxes: [S, N, 4].
      image_size: [2], (height, width) of the frame without padding.
      size: side of the targets in cells.

    Returns:
      [S, N, size, size] bool. A box that misses its object has an empty target.
    """
    padded = -(-image_size // PAD_MULTIPLE) * PAD_MULTIPLE
    return align_masks(masks, boxes, padded, size) >= 0.5


def mask_losses(
    logits: jax.Array, targets: jax.Array, labels: jax.Array, positive: jax.Array
) -> jax.Array:
    """Sum of the dice losses of the masks of the objects' own classes.

    Args:
      logits: [..., R, M, M, K].
      targets: [..., R, M, M] bool.
      labels: [..., R] int32.
      positive: [..., R] bool; other items neither count nor receive a gradient.
    """
    own = select_class(jnp.where(positive[..., None, None, None], logits, 0), labels)
    return jnp.sum(dice(jax.nn.sigmoid(own), targets), where=positive)
