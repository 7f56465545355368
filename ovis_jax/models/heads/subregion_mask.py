"""SipMask's mask head: basis maps, and for every point coefficients of each quarter of its box.

Source: Cao et al. 2020.
"""

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import optax
from flax import linen as nn

from ovis_jax.ops.boxes import INCLUSIVE
from ovis_jax.ops.resize import gather_levels, resize_bilinear
from ovis_jax.ops.subregions import quarter_masks

QUARTERS = 4
BASIS_LEVELS = 3
BASIS_STRIDE = 2  # frame pixels per pixel of basis maps and masks
BASIS_UPSAMPLING = 4
MIN_AREA = 1.0  # of a predicted box that teaches masks, in pixels of the basis maps
WEIGHT_EPSILON = 1e-4
LOSS_CHUNK = 16  # masks that are computed together; more only need more memory
MIN_PROB = 1e-30  # of a mask, where it is given as a logit


class SubregionMaskHead(nn.Module):
    """Coefficients from class features, basis maps from box features.

    Attributes:
      num_basis: basis maps.
      channels: of the layer before them.
      dtype: of the computation; the last layers are float32.
    """

    num_basis: int = 32
    channels: int = 512
    dtype: str = "float32"

    def setup(self):
        """Makes the convolutions."""
        normal = nn.initializers.normal(0.01)
        last = {"kernel_init": normal, "dtype": "float32"}
        self.coefficient = nn.Conv(QUARTERS * self.num_basis, (3, 3), **last)
        self.basis0 = nn.Conv(self.channels, (1, 1), kernel_init=normal, dtype=self.dtype)
        self.basis1 = nn.Conv(self.num_basis, (3, 3), **last)

    def coefficients(self, class_features: Sequence[jax.Array]) -> jax.Array:
        """Maps levels [B, h, w, C] to coefficients [B, A, 4, num_basis] of all their points."""
        levels = [self.coefficient(x) for x in class_features]
        joined = jnp.concatenate([x.reshape(len(x), -1, x.shape[-1]) for x in levels], axis=1)
        return joined.reshape(*joined.shape[:2], QUARTERS, self.num_basis)

    def basis(self, box_features: Sequence[jax.Array]) -> jax.Array:
        """Maps P3...P5 of the box features to basis maps [B, H / 2, W / 2, num_basis], >= 0."""
        x = self.low_basis(box_features)
        height, width = x.shape[-3:-1]
        return resize_bilinear(x, BASIS_UPSAMPLING * height, BASIS_UPSAMPLING * width)

    def low_basis(self, box_features: Sequence[jax.Array]) -> jax.Array:
        """The basis maps before they are enlarged, [B, H / 8, W / 8, num_basis]."""
        x = gather_levels(box_features[:BASIS_LEVELS])
        return nn.relu(self.basis1(nn.relu(self.basis0(x))))


def mask_logits(
    basis: jax.Array, coefficients: jax.Array, boxes: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """Logits of masks, and where they count: inside their boxes.

    Args:
      basis: [H, W, C].
      coefficients: [D, 4, C].
      boxes: [D, 4] in pixels of the basis maps.

    Returns:
      [D, H, W] float32, and [D, H, W] bool.
    """
    quarters = jnp.einsum("hwc,dqc->dqhw", basis, coefficients, precision="highest")
    return quarter_masks(quarters, boxes)


def mean_mask_logits(
    basis: jax.Array, coefficients: jax.Array, boxes: jax.Array, weights: jax.Array, average: str
) -> jax.Array:
    """Mask logits of several references as one, `mask_logits` of each taken one after the other.

    All references together would need many times the memory.

    Args:
      basis: [F, h, w, C].
      coefficients: [F, D, 4, C].
      boxes: [D, 4] on the grid of the basis maps.
      weights: [F] that add up to 1; what a reference of weight 0 gives may be anything.
      average: "logits" or "probs", of which the mean is taken.

    Returns:
      [D, h, w]; outside the boxes the logit of `MIN_PROB`.
    """

    def add(total, reference):
        own_basis, own_coefficients, weight = reference
        logits, inside = mask_logits(own_basis, own_coefficients, boxes)
        values = logits if average == "logits" else jax.nn.sigmoid(logits)
        return total + jnp.where(inside & (weight > 0), values * weight, 0), inside

    empty = jnp.zeros((len(boxes), *basis.shape[1:3]))
    total, inside = jax.lax.scan(add, empty, (basis, coefficients, weights))
    if average == "probs":
        probs = jnp.maximum(total, MIN_PROB)
        total = jnp.log(probs) - jnp.log(jnp.maximum(1 - probs, MIN_PROB))
    return jnp.where(inside[0], total, jnp.log(MIN_PROB))


def mask_loss(
    basis: jax.Array,
    coefficients: jax.Array,
    boxes: jax.Array,
    masks: jax.Array,
    index: jax.Array,
    weights: jax.Array,
) -> jax.Array:
    """Cross-entropy of the masks of one image inside predicted boxes, per pixel of the box.

    Args:
      basis: [H, W, C].
      coefficients: [P, 4, C] of positive points.
      boxes: [P, 4], their predicted boxes in pixels of the basis maps; no gradient reaches them.
      masks: [N, H, W] bool, annotated masks in pixels of the basis maps.
      index: [P] int32, each point's instance.
      weights: [P], see `mask_weights`; a point of weight 0 may hold anything.
    """
    used = weights > 0
    boxes = jnp.where(used[:, None], jax.lax.stop_gradient(boxes), jnp.array([0.0, 0, 1, 1]))
    coefficients = jnp.where(used[:, None, None], coefficients, 0)
    index = jnp.where(used, index, 0)

    @jax.checkpoint
    def one(point):
        own, box, number = point
        logits, inside = mask_logits(basis, own[None], box[None])
        target = masks[number].astype(logits.dtype)
        entropy = optax.sigmoid_binary_cross_entropy(logits[0], target)
        sizes = box[2:] - box[:2]
        return jnp.sum(jnp.where(inside[0], entropy, 0)) / sizes[0] / sizes[1]

    entropy = jax.lax.map(one, (coefficients, boxes, index), batch_size=LOSS_CHUNK)
    return jnp.sum(entropy * jax.lax.stop_gradient(weights))


def mask_weights(
    probs: jax.Array, boxes: jax.Array, targets: jax.Array, positive: jax.Array
) -> jax.Array:
    """How much each positive point teaches the masks: class probability times IoU.

    Source: SipMask, the weighting of its mask loss by alignment.

    Args:
      probs: [P] of the point's own class.
      boxes: [P, 4], predicted boxes in pixels of the basis maps.
      targets: [P, 4], annotated boxes likewise.
      positive: [P] bool; other points have weight 0.

    Returns:
      [P] without gradient; their sum is just below 1, or 0 without positive points.
    """
    weights = jnp.where(positive, probs * INCLUSIVE.paired_iou(boxes, targets), 0)
    return jax.lax.stop_gradient(weights / (weights.sum() + WEIGHT_EPSILON))


def teaches_mask(boxes: jax.Array, positive: jax.Array) -> jax.Array:
    """Which positive points [P] have predicted boxes [P, 4] of more than one basis pixel."""
    sizes = jnp.where(positive[:, None], boxes[:, 2:] - boxes[:, :2], 0)
    return sizes[:, 0] * sizes[:, 1] > MIN_AREA


def grid_boxes(size: tuple[int, int], scale: jax.Array, count: int) -> jax.Array:
    """Pixels [count, 4] of the original frame that a grid over the whole padded frame covers.

    The grid is enlarged to a whole number of pixels, rounded down (but for what float32 loses), and
    its last pixel must not be lost to truncation.
    """
    height, width = size
    corner = jnp.floor(BASIS_STRIDE * jnp.array([width, height]) / scale + 1e-3) - 0.5
    return jnp.broadcast_to(jnp.concatenate([jnp.zeros(2), corner]), (count, 4))
