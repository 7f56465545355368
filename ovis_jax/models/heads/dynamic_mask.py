"""Dynamic mask head: every point predicts a small network, which draws its mask on shared features.

Source: CondInst; its published code.
"""

from collections.abc import Sequence

import flax
import jax
import jax.numpy as jnp
from flax import linen as nn

from ovis_jax.models.layers import ConvNorm
from ovis_jax.ops.compact import map_valid
from ovis_jax.ops.dynamic_masks import MaskNetwork, dynamic_mask
from ovis_jax.ops.losses import dice
from ovis_jax.ops.masks import strided_masks
from ovis_jax.ops.resize import upsample_aligned

BRANCH_LEVELS = 3
FEATURE_STRIDE = 8  # pixels from cell to cell of the features
MASK_STRIDE = 4  # of masks
LOSS_CHUNK = 16  # masks that are computed together; more only need more memory


class DynamicMaskHead(nn.Module):
    """A controller, read from the box tower, and a branch of features of the whole frame.

    Attributes:
      num_features: channels of the features.
      hidden: channels of the hidden layers of the predicted networks.
      branch_channels: of the branch.
      branch_convs: its length, after the levels are joined.
      norm: of the branch, one of `layers.NORMS`.
      group_rows: of a norm "batch"; see `BatchNorm`.
      dtype: of the computation; predicted networks and features are float32.
    """

    num_features: int = 8
    hidden: Sequence[int] = (8, 8)
    branch_channels: int = 128
    branch_convs: int = 4
    norm: str = "batch"
    group_rows: int = 0
    dtype: str = "float32"

    @property
    def network(self) -> MaskNetwork:
        """What the predicted parameters mean."""
        return MaskNetwork(num_features=self.num_features, channels=tuple(self.hidden))

    def setup(self):
        """Makes controller and branch."""
        layer = {"norm": self.norm, "dtype": self.dtype, "group_rows": self.group_rows}
        self.controller = nn.Conv(
            self.network.num_params,
            (3, 3),
            kernel_init=nn.initializers.normal(0.01),
            dtype="float32",
        )
        self.refine = [ConvNorm(self.branch_channels, **layer) for _ in range(BRANCH_LEVELS)]
        self.tower = [ConvNorm(self.branch_channels, **layer) for _ in range(self.branch_convs)]
        self.last = nn.Conv(self.num_features, (1, 1), dtype="float32")

    def networks(self, box_features: Sequence[jax.Array]) -> jax.Array:
        """Maps levels [B, h, w, C] of the box tower to networks [B, A, P] of all their points."""
        levels = [self.controller(x) for x in box_features]
        return jnp.concatenate([x.reshape(len(x), -1, x.shape[-1]) for x in levels], axis=1)

    def refined(self, pyramid: Sequence[jax.Array], training: bool) -> list[jax.Array]:
        """P3, P4 and P5 [B, h, w, C] to maps [B, h, w, branch_channels] that are to be joined."""
        levels = zip(self.refine, pyramid[:BRANCH_LEVELS], strict=True)
        return [nn.relu(refine(x, training)) for refine, x in levels]

    def features(self, pyramid: Sequence[jax.Array], training: bool) -> jax.Array:
        """Features that masks are drawn on.

        Args:
          pyramid: levels [B, h, w, C] from P3 on, of a canvas that is a multiple of 32.
          training: of a norm "batch"; see `BatchNorm`.

        Returns:
          [B, H / 8, W / 8, num_features] float32.

        Raises:
          ValueError: the canvas is no multiple of 32.
        """
        x, *others = self.refined(pyramid, training)
        sizes = [own.shape[1:3] for own in (x, *others)]
        if any(
            n != small << i
            for i, own in enumerate(sizes)
            for n, small in zip(sizes[0], own, strict=True)
        ):
            raise ValueError(
                f"levels of {sizes} cells; expected a canvas that is a multiple of 32 "
                "(config.data.pad_multiple)"
            )
        for i, other in enumerate(others, start=1):
            x = x + upsample_aligned(other, 2**i)
        for conv in self.tower:
            x = nn.relu(conv(x, training))
        return self.last(x)


@flax.struct.dataclass
class MaskItems:
    """Masks to be drawn in training: networks, places, and what they are to be drawn on.

    Attributes:
      params: [N, P].
      points: [N, 2] as (x, y), pixels.
      scales: [N], what relative coordinates are divided by.
      image: [N] int32, of the features and masks.
      index: [N] int32, the mask among those of its image.
    """

    params: jax.Array
    points: jax.Array
    scales: jax.Array
    image: jax.Array
    index: jax.Array


def mask_targets(packed: jax.Array) -> jax.Array:
    """Masks [..., H / 4, W / 4] bool that training draws, of packed ones [..., H, W // 8]."""
    return strided_masks(packed, MASK_STRIDE)


def mask_losses(
    items: MaskItems,
    valid: jax.Array,
    features: jax.Array,
    masks: jax.Array,
    network: MaskNetwork,
) -> jax.Array:
    """Dice [N] of each mask, 0 where not valid.

    Args:
      items: N masks; what stands in invalid slots may be anything.
      valid: [N] bool.
      features: [B, h, w, C] of all images.
      masks: [B, M, H / 4, W / 4] bool, annotated masks.
      network: of the items.
    """

    def losses(own: MaskItems) -> jax.Array:
        logits = mask_logits(features[own.image], own.params, own.points, own.scales, network)
        return dice(jax.nn.sigmoid(logits), masks[own.image, own.index])

    return map_valid(losses, items, valid, LOSS_CHUNK)


def mask_logits(
    features: jax.Array,
    params: jax.Array,
    points: jax.Array,
    scales: jax.Array,
    network: MaskNetwork,
) -> jax.Array:
    """Mask logits [N, H / 4, W / 4] over the whole canvas.

    Args:
      features: [h, w, C] of a frame, or [N, h, w, C] of one for each object.
      params: [N, P], networks of N objects.
      points: [N, 2] as (x, y), their places in pixels.
      scales: [N], what relative coordinates are divided by.
      network: what the parameters mean.
    """

    def draw(*own):
        return dynamic_mask(*own, stride=FEATURE_STRIDE, network=network)

    axes = (None if features.ndim == 3 else 0, 0, 0, 0)
    logits = jax.vmap(draw, axes)(features, params, points, scales)
    return upsample_aligned(logits[..., None], FEATURE_STRIDE // MASK_STRIDE)[..., 0]
